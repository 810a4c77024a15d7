"""What one chapter alone needs, in a package of its chapter's name."""
