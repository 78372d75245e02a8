"""resolvelib, adapted: from requirements and a target to pinned files."""
