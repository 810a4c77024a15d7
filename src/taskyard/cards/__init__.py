"""
Flashcards: Markdown to Anki decks that survive updates.

A card has these shapes on its way, each made from the one before:

1. text, and markdown-it's tokens of it (`pages.parser`);
2. blocks: the tokens of one paragraph, list or fence (`labels.blocks`);
3. `card.Card`: the blocks below one heading, still with their labels and comments;
4. `note.Note`: sides, as tokens, and what the comments say; the notes of a file are a
   `note.CardFile`, which also holds what is wrong with it;
5. `deck.Rendered`: sides as HTML; those of a file, with their images, are a `deck.Deck`;
6. `entry.Entry`: every field of the Anki note in its order, the deck's name, the tags; those of a
   file are a `release.Part`;
7. a note in the package that Anki imports (`package.write`).

`rules` reads notes beside the file's text, and takes no part in the chain. `lock` remembers the
entries of the last release.
"""
