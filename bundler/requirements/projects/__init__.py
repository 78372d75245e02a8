"""pyproject.toml and scripts, in."""
