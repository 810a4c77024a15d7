"""
Draw the cards of a package as Anki shows them: `make cards`, then `python docs/card_pictures.py`.

The sheets in dist/pictures/ show each side on a phone and a desktop, in light and in dark, with
open hints. It needs Chromium. Another package is the first argument, another folder the second.
"""

import shutil
import subprocess
import sys
import tempfile
from html import escape
from pathlib import Path

from anki.collection import Collection, ImportAnkiPackageOptions, ImportAnkiPackageRequest

DIST = Path(__file__).resolve().parent.parent / "dist"
SCREENS = {"phone": (360, 560, 4), "desktop": (1000, 400, 2)}  # width, height, sides in a row
ROWS = 3
MODES = {"light": "card", "dark": "card nightMode night_mode"}
OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
OPTIONS += ["--no-first-run", "--hide-scrollbars"]


def render(package: Path, folder: Path) -> list[str]:
    """Import a package into a new collection in a folder; return the HTML of every side."""
    collection = Collection(str(folder / "collection.anki2"))
    collection.import_anki_package(
        ImportAnkiPackageRequest(package_path=str(package), options=ImportAnkiPackageOptions())
    )
    collection.models._clear_cache()  # it still holds what was there before
    cards = [collection.get_card(found) for found in collection.find_cards("")]
    cards.sort(key=lambda card: (collection.decks.name(card.did), card.due, card.ord))
    sides = [side for card in cards for side in (card.question(), card.answer())]
    collection.close()
    return sides


def sheet(sides: list[str], screen: str, mode: str, folder: Path) -> str:
    """Return the page that shows a few sides beside each other."""
    width, height, row = SCREENS[screen]
    margin = 8 if screen == "phone" else 20  # as AnkiDroid and Anki have it
    head, frames = '<!doctype html><meta charset="utf-8">', ""
    for side in sides:
        page = (
            f'{head}<base href="{folder.as_uri()}/collection.media/">'
            f'<body class="{MODES[mode]} card1" style="margin: {margin}px">'
            f"{side.replace('<details', '<details open')}"
        )
        # no script; and of one origin, because one of its own may be drawn after the picture
        frames += f'<iframe sandbox="allow-same-origin" srcdoc="{escape(page)}"></iframe>'
    return (
        f"{head}<style>iframe {{ border: 0; width: 100%; height: {height}px }} body {{ margin: 8px;"
        f" display: grid; grid: auto / repeat({row}, {width}px); gap: 8px; background: gray }}"
        f"</style>{frames}"
    )


def main(package: Path = DIST / "taskyard.apkg", out: Path = DIST / "pictures") -> None:
    """Write a picture for every few sides, on each screen in each mode."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None or not package.is_file():
        sys.exit(f"error: no chromium on PATH, or no file `{package}`: `make cards` builds it")
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder, page = Path(name), Path(name) / "sheet.html"
        sides = render(package, folder)
        for screen, (width, height, row) in SCREENS.items():
            window = f"--window-size={row * (width + 8) + 8},{ROWS * (height + 8) + 8}"
            options = [*OPTIONS, window, f"--user-data-dir={folder / 'chromium'}"]
            for mode in MODES:
                for number, start in enumerate(range(0, len(sides), row * ROWS), 1):
                    few = sides[start : start + row * ROWS]
                    page.write_text(sheet(few, screen, mode, folder), encoding="utf-8")
                    picture = out.resolve() / f"{screen}-{mode}-{number:02}.png"
                    command = [chromium, *options, f"--screenshot={picture}", page.as_uri()]
                    subprocess.run(command, check=True, capture_output=True)
    print(f"{out}: {len(sides)} sides")


main(*map(Path, sys.argv[1:]))
