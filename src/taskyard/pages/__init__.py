"""Markdown pages: read once, checked block by block, their links followed."""
