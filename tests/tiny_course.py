"""A course of two chapters and two labs in a temporary folder, for tests that break it."""

from __future__ import annotations

from pathlib import Path

CHAPTER = """# {title}

You import a file of orders.
**Where does the work go?**

## A task waits

Text.
"""

README = """# {number:02} · {title}

**Needs:** nothing. Runs on both engines.

## Hints

<details><summary>Where to look</summary>

Look at `tasks.py`.

</details>

<details><summary>The idea</summary>

Read the [chapter](../../chapters/{number:02}-{slug}.md).

</details>

<details><summary>The shape</summary>

```python
send.delay()
```

</details>
"""

EXPECT = """[starter]
requirement = "The caller does not wait"
message = "waited"

[blocks]
requirement = "The caller does not wait"
message = "blocked"
"""


def write(path: Path, text: str) -> Path:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def add_chapter(root: Path, number: int, slug: str) -> Path:
    """Add a chapter without a lab."""
    title = slug.replace("-", " ").capitalize()
    return write(root / "chapters" / f"{number:02}-{slug}.md", CHAPTER.format(title=title))


def add_lab(root: Path, number: int, slug: str) -> Path:
    """Add a lab with a starter, a solution and one wrong answer, `blocks`."""
    lab = root / "labs" / f"{number:02}-{slug}"
    title = slug.replace("-", " ").capitalize()
    write(lab / "README.md", README.format(number=number, slug=slug, title=title))
    write(lab / "demo.py", "def demo(stack, show):\n    pass\n")
    write(lab / "check.py", "")
    write(lab / "expect.toml", EXPECT)
    write(lab / "starter" / "tasks.py", "send()\n")
    write(lab / "starter" / "shop" / "__init__.py", "")
    write(lab / "starter" / "compose.yaml", "services: {}\n")
    write(lab / "solution" / "tasks.py", "send.delay()\n")
    write(lab / "wrong" / "blocks" / "tasks.py", "send.delay().get()\n")
    return lab


def build(root: Path) -> Path:
    """Build the course: 01-first-task and 02-replicas, and the pages at the root."""
    for number, slug in ((1, "first-task"), (2, "replicas")):
        add_chapter(root, number, slug)
        add_lab(root, number, slug)
    write(root / "README.md", "# Course\n\n<!-- map -->\n\n<!-- /map -->\n\nThe end.\n")
    return root
