"""One module per verb; the only place where two shells of the house meet."""
