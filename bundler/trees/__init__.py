"""Source trees: a directory or a commit of a git repository, and the sdist that it makes. Nothing in them is run."""
