"""Chapters to notebooks: convert, execute, normalise; and what a notebook opens and shows."""
