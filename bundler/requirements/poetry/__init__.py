"""Poetry's own words, in pyproject.toml and poetry.lock alike."""
