"""What is wanted: requirement sets, the files they are written in, and lock files."""
