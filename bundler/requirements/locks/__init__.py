"""Lock files, in and out."""
