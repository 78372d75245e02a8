"""requirements.txt, in."""
