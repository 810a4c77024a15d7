"""
What compiling 2,000 cards costs, cold and warm, beside bare genanki writing the same notes.

Bare genanki gets the finished HTML and does what its documentation says; its package is then
compressed like ours. Cold reads, checks, renders and highlights; warm finds all that in the cache.
"""

import shutil
import statistics
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import genanki

from taskyard.cards import package, release
from taskyard.cards.lock import Lock

NOTES, ROUNDS = 2_000, 5
COLD_MAX, WARM_MAX = 8.0, 1.2
MOD = 1_795_000_000

CARD = """
## Task {n}
<!-- id: task-{n} · tags: celery bench -->
**Front:** Celery: what does a worker print for the order {n}, when *nobody* waits for it?

```python
@app.task(bind=True, acks_late=True)
def order_{n}(self, amount: int = {n}) -> str:
    return f"sent {{amount}} to {{self.request.id}}"  # {n}

order_{n}.delay(amount={n})
```

**Back:** The text `sent {n} to` and its id: the result is *returned*, not printed.
"""


def compiled(file: Path, out: Path, lock_file: Path, cache: Path) -> list[release.Part]:
    """Do what a build of the course does."""
    lock = Lock.read(lock_file)
    parts = release.parts_of_files([file], lock, cache)
    release.build(parts, out, release.locked(parts, lock, MOD))
    return parts


def bare(notes: list[tuple[genanki.Model, list[str], list[str], str]], out: Path) -> None:
    """Write finished notes with genanki as it is, and compress the package."""
    deck = genanki.Deck(1_795_391_000, "Bench")
    for model, fields, tags, guid in notes:
        deck.add_note(genanki.Note(model, fields, tags=tags, guid=guid))
    raw = out.with_suffix(".raw")
    before = set(Path(tempfile.gettempdir()).glob("tmp*"))
    genanki.Package(deck).write_to_file(raw, timestamp=float(MOD))
    with zipfile.ZipFile(raw) as stored, zipfile.ZipFile(out, "w") as packed:
        for name in stored.namelist():
            packed.writestr(name, stored.read(name), zipfile.ZIP_DEFLATED, 9)
    raw.unlink()
    for left in set(Path(tempfile.gettempdir()).glob("tmp*")) - before:
        left.unlink()  # genanki's own database


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    tempfile.tempdir = str(folder)  # what genanki leaves behind goes with it
    file, out, lock_file = folder / "bench.md", folder / "deck.apkg", folder / "cards.lock.json"
    file.write_text("# Bench\n" + "".join(CARD.format(n=n) for n in range(NOTES)))

    parts = compiled(file, out, lock_file, folder / "cache")
    lock = release.locked(parts, Lock(), MOD)
    lock.write(lock_file)
    models = package.note_types({kind: style.mod for kind, style in lock.styles.items()})
    notes = [
        (models[entry.kind], list(entry.fields), list(entry.tags), entry.guid)
        for part in parts
        for entry in part.entries
    ]
    times: dict[str, list[float]] = {"bare genanki": [], "cold": [], "warm": []}
    cache = folder / "cache"
    for _ in range(ROUNDS):  # in turn, so that a slow moment of the machine is everybody's
        shutil.rmtree(cache)
        times["bare genanki"].append(seconds(lambda: bare(notes, folder / "bare.apkg")))
        times["cold"].append(seconds(lambda: compiled(file, out, lock_file, cache)))
        times["warm"].append(seconds(lambda: compiled(file, out, lock_file, cache)))

    floor = statistics.median(times["bare genanki"])
    sizes = {"bare genanki": folder / "bare.apkg", "cold": out, "warm": out}
    print(f"{NOTES} cards with code, median of {ROUNDS}")
    failed = False
    for name, limit in (("bare genanki", 1.0), ("cold", COLD_MAX), ("warm", WARM_MAX)):
        took = statistics.median(times[name])
        size = sizes[name].stat().st_size / 1e6
        failed |= took / floor > limit
        said = f"{name:<13}{took:6.2f} s {took / floor:5.1f} × {size:6.2f} MB"
        print(said + (f"   (at most {limit} ×)" if name != "bare genanki" else ""))
    stored = sum(one.file_size for one in zipfile.ZipFile(out).infolist()) / 1e6
    print(f"uncompressed, as genanki stores it: {stored:.2f} MB")
sys.exit(failed)
