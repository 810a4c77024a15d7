"""Compare two builds of a Dockerfile, instruction by instruction, as BuildKit's cache does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from taskyard.topics.image_layers import dockerfile as files
from taskyard.topics.image_layers.context import Entry, changes
from taskyard.topics.image_layers.dockerfile import Instruction
from taskyard.topics.image_layers.keys import Build, Made, Source

Verdict = Literal["reused", "again", "depends", "no layer", "not built"]

NAMED_FILES_MAX = 3


@dataclass(frozen=True)
class Step:
    """
    One instruction of the second build.

    Attributes:
        stage: The name of its stage; `stage-1` for a second stage without a name.
        line: Its line in the Dockerfile, from 1.
        verdict: `depends` if only the build itself can tell.
        reason: Why, in one clause.
    """

    stage: str
    line: int
    instruction: str
    verdict: Verdict
    reason: str

    @property
    def makes_layer(self) -> bool:
        """Whether the build makes a layer for it; the layers of a FROM are made already."""
        return self.instruction.split()[0] in files.MAKE_LAYERS


def plan(before: Source, after: Source) -> list[Step]:
    """
    Tell for each instruction of the second build whether the first build's is reused, and why.

    Raises:
        TaskyardError: A Dockerfile cannot be planned, or the build would fail.
    """
    old, new = Build(before), Build(after)
    strict = {made.strict for made in old.made}
    lenient = {made.lenient for made in old.made}
    steps: list[Step] = []
    verdicts: dict[int, Verdict] = {}
    made_of = {(made.stage.index, made.instruction): made for made in new.made}
    for stage in new.file.stages:
        label = new.label(stage)
        for instruction in (stage.start, *stage.instructions):
            made = made_of.get((stage.index, instruction))
            if made is None:
                verdict, reason = _without_layer(stage in new.needed, instruction)
            elif made.strict in strict:
                verdict, reason = "reused", "it and all that it depends on are as before"
                if instruction.keyword == "FROM":
                    reason = "the base is as before"
            elif made.lenient in lenient:
                verdict, reason = "depends", _open_question(made, verdicts)
            else:
                verdict, reason = "again", _why(made, old, verdicts)
            if made is not None:
                verdicts[id(made)] = verdict
            steps.append(Step(label, instruction.line, instruction.text, verdict, reason))
    return steps


def _without_layer(is_needed: bool, instruction: Instruction) -> tuple[Verdict, str]:
    if not is_needed:
        return "not built", "nothing that is built needs its stage"
    if instruction.keyword == "FROM":
        return "no layer", "it continues a stage above"
    if instruction.keyword in ("ARG", "ENV"):
        return "no layer", "it sets a variable, and each RUN below depends on its value"
    if instruction.keyword in ("USER", "SHELL"):
        return "no layer", "it writes no file, and each RUN below depends on it"
    return "no layer", "it writes a line into the image's configuration"


def _open_question(made: Made, verdicts: Mapping[int, Verdict]) -> str:
    if made.above is not None and verdicts[id(made.above)] == "depends":
        return f"it is reused if `{_short(made.above.instruction)}` is"
    if made.parts["linked"]:
        return "a linked layer needs none above it: reused where the image store can link"
    if made.parts["remote"]:
        return "BuildKit asks the address whether it serves something else now"
    names = ", ".join(f"`{name}`" for name in made.parts["stages"])  # type: ignore[attr-defined]
    return f"{names} is built again: reused if the files that are taken come out the same"


def _why(made: Made, old: Build, verdicts: Mapping[int, Verdict]) -> str:
    """Return the first reason for which a step is not reused."""
    above = made.above
    while above is not None:
        if verdicts[id(above)] == "again":
            return f"`{_short(above.instruction)}` above it is not reused"
        above = above.above
    partner = old.partner(made)
    if partner is None:
        return "the instruction is new, or is written in another way"
    then, now = partner.parts, made.parts
    if then["base"] != now["base"]:
        return f"another image has the name `{now['name']}` now"
    clauses = [*changes(_entries(then), _entries(now))]
    if clauses:
        more = len(clauses) - NAMED_FILES_MAX
        named = ", ".join(clauses[:NAMED_FILES_MAX])
        return named + (f", and {more} more differ" if more > 0 else "")
    variables = _changed(then["variables"], now["variables"])
    if variables:
        each = "each RUN below is given it, whether it uses it or not"
        if made.instruction.keyword != "RUN":
            each = "the instruction holds its value"
        return f"`{variables[0]}` has another value: {each}"
    for part, words in (
        ("folder", "it runs in another folder"),
        ("user", "it runs as another user"),
        ("shell", "another shell runs it"),
        ("images", "an image that it copies from is another one"),
    ):
        if then[part] != now[part]:
            return words
    return "it stands on another layer than before"


def _entries(parts: Mapping[str, object]) -> Mapping[str, Entry]:
    found = parts["files"]
    assert isinstance(found, dict)
    return found


def _changed(then: object, now: object) -> list[str]:
    assert isinstance(then, dict) and isinstance(now, dict)
    return sorted(name for name in {*then, *now} if then.get(name) != now.get(name))


def _short(instruction: Instruction, length: int = 40) -> str:
    text = " ".join(instruction.text.split())
    return text if len(text) <= length else text[: length - 1] + "…"
