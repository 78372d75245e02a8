"""The network, and nothing else: pages, metadata and files from package indexes."""
