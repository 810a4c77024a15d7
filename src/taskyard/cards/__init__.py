"""Flashcards: Markdown to Anki decks that survive updates."""
