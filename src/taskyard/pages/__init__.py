"""Markdown pages: reading them, and checking their blocks and links."""
