"""
Draw README.md's picture from a real run: `make picture`.

It runs lab 01 on its starter with the local engine, and writes what the terminal showed as SVG.
"""

import re
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import SVG_EXPORT_THEME

from taskyard.course import Course
from taskyard.engine import choose
from taskyard.kit.console import Show
from taskyard.learner.runner import Runner

course = Course.discover()
lab = course.lab("first-task")
console = Console(record=True, width=80, file=sys.stdout, highlight=False, color_system="truecolor")
with tempfile.TemporaryDirectory() as folder:
    files = lab.assemble("starter", Path(folder) / "first-task")
    Runner(course, lab, Show(console=console), files).demo(choose("local"), keep=False)
svg = console.export_svg(title="make lab-1", theme=SVG_EXPORT_THEME)
svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)  # no font from the network
svg = svg.replace("Fira Code", "DejaVu Sans Mono, Menlo, Consolas")
(course.root / "docs" / "lab-1.svg").write_text(svg, encoding="utf-8")
