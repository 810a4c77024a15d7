"""The tools of demos, checks and chapters."""
