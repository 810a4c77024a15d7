"""From a chapter's Markdown to a notebook that has not run: cells, lines, links, refusals."""

from __future__ import annotations

from pathlib import Path

import pytest

from taskyard.errors import TaskyardError
from taskyard.notebook.chapter import convert
from taskyard.notebook.links import relink

FENCE = "```"
MEASURES = 'tags=["nbval-ignore-output"]'


def chapter(folder: Path, text: str) -> Path:
    """Write a chapter in which ''' stands for a fence."""
    path = folder / "01-first-task.md"
    path.write_text(text.replace("'''", FENCE), encoding="utf-8")
    return path


def test_a_python_fence_is_a_cell_and_every_other_fence_stays_prose(tmp_path: Path) -> None:
    text = """\
# First task

'''console
$ make lab-1
'''

~~~python
stays = "prose"
~~~

'''python
receipt = 42
'''
"""
    notebook = convert(chapter(tmp_path, text))
    assert [cell.cell_type for cell in notebook.cells] == ["markdown", "code"]
    assert notebook.cells[1].source == "receipt = 42"
    assert notebook.metadata.kernelspec.name == "python3"
    assert "version" not in notebook.metadata.language_info


def test_ids_follow_from_the_source_and_are_unique(tmp_path: Path) -> None:
    path = chapter(tmp_path, "'''python\nx = 1\n'''\n\nAgain.\n\n'''python\nx = 1\n'''\n")
    first, _, again = (cell.id for cell in convert(path).cells)
    assert again == f"{first}-2"
    assert [cell.id for cell in convert(path).cells] == [cell.id for cell in convert(path).cells]


def test_a_fence_carries_tags_and_the_reason_into_the_cell(tmp_path: Path) -> None:
    fence = f'\'\'\'python jupyter={{"source_hidden": true}} why="a duration" {MEASURES}'
    (cell,) = convert(chapter(tmp_path, f"{fence}\nprint(1)\n'''\n")).cells
    assert cell.metadata == {
        "jupyter": {"source_hidden": True},
        "why": "a duration",
        "tags": ["nbval-ignore-output"],
    }


def test_a_link_to_another_chapter_leads_to_its_notebook(tmp_path: Path) -> None:
    text = "[next](02-image-layers.md#a) and [lab](../labs/01-first-task/README.md), `](x.md)`"
    (cell,) = convert(chapter(tmp_path, text)).cells
    assert cell.source == (
        "[next](02-image-layers.ipynb#a) and [lab](../labs/01-first-task/README.md), `](x.md)`"
    )


def test_only_links_are_changed_and_all_kinds_of_them() -> None:
    text = "[a](../a) ![b](<../b> 'title') [c]\n\n[c]: ../c\n\n~~~text\n[d](../d)\n~~~\n"
    assert relink(text, lambda target: f"../{target}") == (
        "[a](../../a) ![b](<../../b> 'title') [c]\n\n[c]: ../../c\n\n~~~text\n[d](../d)\n~~~\n"
    )


SAME = "[d](../d)"
CODE = {
    "a fence of tildes": f"~~~text\n{SAME}\n~~~",
    "a fence of backticks": f"'''text\n{SAME}\n'''".replace("'''", "```"),
    "an indented block": f"    {SAME}",
    "a fence in a list": f"- Here:\n\n  ~~~text\n  {SAME}\n  ~~~",
    "a definition in a fence": "~~~text\n[d]: ../d\n~~~",
    "code in a line": f"Write `{SAME}` or ``{SAME} ` `` here.",
    "HTML": f"<div>\n{SAME}\n</div>",
    "an escaped bracket": r"No link: [d\](../d)",
}


@pytest.mark.parametrize("code", CODE.values(), ids=CODE)
def test_what_is_no_link_stays_although_a_link_leads_to_the_same_place(code: str) -> None:
    text = "{link}\n\n{code}\n\nAgain `x` {link}.\n"
    assert text.format(link="[d](../../d)", code=code) == relink(
        text.format(link=SAME, code=code), lambda target: f"../{target}"
    )


WRITTEN = [
    "../a%20b.md",
    "../%C3%BC.md",
    "../ü.md",
    "../a.md#ü-and-%C3%BC",
    "<../a b.md>",
    r"../a\_b.md",
    "../a&amp;b.md",
]


@pytest.mark.parametrize("target", WRITTEN)
def test_a_link_is_changed_as_it_is_written_encoded_or_not(target: str) -> None:
    seen: list[str] = []

    def change(target: str) -> str:
        seen.append(target)
        return f"../{target}"

    changed = relink(f"[a]({target}) and [b]\n\n[b]: {target}\n", change)
    bare = target.strip("<>")
    new = target.replace(bare, f"../{bare}")
    assert [bare] == sorted(set(seen))
    assert f"[a]({new}) and [b]\n\n[b]: {new}\n" == changed


DEFINED = {
    "in a list": "- [b]: {}\n\n[b] ![b]\n",
    "in a numbered list": "1. [b]: {}\n\n[b][]\n",
    "in a quotation in a list": "- > [b]: {}\n\n[x][b]\n",
    "on the next line": "[b]:\n  <{}>\n\n[b]\n",
}


@pytest.mark.parametrize("text", DEFINED.values(), ids=DEFINED)
def test_a_definition_is_changed_wherever_it_stands(text: str) -> None:
    assert text.format("../../b") == relink(text.format("../b"), lambda target: f"../{target}")


def test_two_blank_lines_cut_neither_a_fence_nor_details(tmp_path: Path) -> None:
    text = "~~~python\nx = 1\n\n\ny = 2\n~~~\n\n\n<details>\n\nOne.\n\n\nTwo.\n\n</details>"
    (cell,) = convert(chapter(tmp_path, text + "\n")).cells
    assert cell.source == text


REFUSED = {
    "a shell fence": ("Text\n\n'''bash\nls\n'''\n", 3, "a ```bash fence would be executed"),
    "python with a number": ("'''python3\nx = 1\n'''\n", 1, "a ```python3 fence would be"),
    "a value hidden by a semicolon": ("'''python\nx = 1\nx;  # no\n'''\n", 3, "a `;` at the end"),
    "writefile": ("'''python\n%%writefile tasks.py\nx = 1\n'''\n", 2, "`%%writefile` is not"),
    "a line magic": ("'''python\nx = 1\n%time x\n'''\n", 3, "`%time` is not Python"),
    "a shell escape": ("'''python\n!ls\n'''\n", 2, "`!ls` is not Python"),
    "what is no Python": ("'''python\nx = 1\nx =\n'''\n", 3, "this does not parse"),
    "an empty cell": ("Text\n\n'''python\n'''\n\nText\n", 3, "a cell is empty"),
    "clear_output": (
        "'''python\nfrom IPython.display import display\ndisplay.clear_output()\n'''\n",
        3,
        "`clear_output` changes an output",
    ),
    "display_id": ("'''python\ndisplay(1, display_id=2)\n'''\n", 2, "`display_id` changes"),
    "a child that writes to the notebook": (
        "'''python\nimport subprocess\nsubprocess.run(['ls'])\n'''\n",
        3,
        "the output of `subprocess.run` bypasses",
    ),
    "os.system": ("'''python\nos.system('ls')\n'''\n", 2, "the output of `os.system` bypasses"),
    "a YAML header": ("---\ntitle: x\n---\n\n# X\n", 1, "a YAML header"),
    "a cell in details": (
        "<details>\n<summary>Answer</summary>\n\n'''python\nx = 1\n'''\n\n</details>\n",
        4,
        "a cell inside `<details>`",
    ),
    "a cell in details without a blank line": (
        "<details>\n'''python\nx = 1\n'''\n</details>\n",
        2,
        "a cell inside `<details>`",
    ),
    "details without an end": ("<details>\n\nAnswer.\n", 3, "a `<details>` has no"),
    "a cell in a fence of another kind": (
        "~~~markdown\n'''python\nx = 1\n'''\n~~~\n",
        2,
        "in a fence of another kind",
    ),
    "a python fence in a list": (
        "- one\n\n  '''python\n  x = 1\n  '''\n",
        3,
        "does not become a cell",
    ),
    "a tag in capitals": (
        "'''python tags=[\"NBVAL_IGNORE_OUTPUT\"]\nx = 1\n'''\n",
        1,
        "the tag `NBVAL_IGNORE_OUTPUT` does nothing",
    ),
    "an unknown key": ("'''python hidden=true\nx = 1\n'''\n", 1, "`hidden` after ```python"),
    "a comment for nbval": (
        "'''python\nx = 1\n# NBVAL_IGNORE_OUTPUT\n'''\n",
        3,
        "`# NBVAL_IGNORE_OUTPUT` switches",
    ),
    "a measuring cell without a reason": (
        f"'''python {MEASURES}\nx = 1\n'''\n",
        1,
        "does not say why",
    ),
}


@pytest.mark.parametrize(("text", "line", "what"), REFUSED.values(), ids=REFUSED.keys())
def test_a_chapter_is_refused_for(tmp_path: Path, text: str, line: int, what: str) -> None:
    path = chapter(tmp_path, text)
    with pytest.raises(TaskyardError) as caught:
        convert(path)
    (fault,) = caught.value.faults
    assert (fault.path, fault.line) == (path, line)
    assert what in fault.what
    assert fault.hint


def test_all_faults_of_a_chapter_are_told_at_once_in_the_order_of_its_lines(tmp_path: Path) -> None:
    text = "---\nx: 1\n---\n\n'''python\nx;\n'''\n\n'''sql\nselect 1\n'''\n\n'''python\n!ls\n'''\n"
    with pytest.raises(TaskyardError) as caught:
        convert(chapter(tmp_path, text))
    assert [fault.line for fault in caught.value.faults] == [1, 6, 9, 14]
