"""Chapters to notebooks: convert, execute, normalise; and the helpers that notebooks import."""
