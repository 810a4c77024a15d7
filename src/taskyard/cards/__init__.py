"""
Flashcards: Markdown to Anki decks that survive updates.

A card takes these shapes in turn, each made from the one before:

1. its text, and markdown-it's tokens of it (`pages.parser`);
2. blocks: the tokens of one paragraph, list or fence (`labels.blocks`);
3. a `card.Card`: the blocks below one heading, still with their labels and comments;
4. a `note.Note`: its sides, as tokens, and the entries of its comments; the notes of a file form a
   `note.CardFile`, which also has the findings about the file;
5. a `deck.Rendered`: its sides, as HTML; those of a file, with their images, form a `deck.Deck`;
6. an `entry.Entry`: the fields of the Anki note in their order, the deck's name and the tags; those
   of a file form a `release.Part`;
7. a note in the package that Anki imports (`package.write`).

Two modules stand beside this chain. `rules` examines notes together with the file's text, and
`lock` records the entries of the last release.
"""
