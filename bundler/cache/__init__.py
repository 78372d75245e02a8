"""What is kept on disk between runs: index answers and content-addressed files."""
