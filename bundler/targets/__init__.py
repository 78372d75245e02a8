"""Who will install: marker environments and tags of machines that look different from this one."""
