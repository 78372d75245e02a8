"""The command line: flags in, one operation, rendered output; the only package that prints."""
