"""The simple repository API: project pages, from and to JSON and HTML."""
