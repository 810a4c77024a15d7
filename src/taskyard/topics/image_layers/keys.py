"""
Compute the key of each step of a build, as BuildKit's cache does.

A key covers the instruction, everything that it depends on (variables, folder, user, files), and
the key of the step before it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from taskyard.errors import TaskyardError
from taskyard.topics.image_layers import dockerfile as files
from taskyard.topics.image_layers.context import Context
from taskyard.topics.image_layers.dockerfile import Dockerfile, Instruction, Stage

PREDEFINED = {
    name
    for word in ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
    for name in (word, word.lower())
}
"""Arguments that BuildKit leaves out of the key."""


@dataclass(frozen=True)
class Source:
    """
    The inputs of one build.

    Attributes:
        folder: The build context.
        arguments: The values of `--build-arg`.
        bases: The name of a base image to the image's identity, such as its digest; a name that is
            missing here is its own identity.
        target: The stage to build; empty for the last one.
    """

    folder: Path
    arguments: Mapping[str, str] = field(default_factory=dict)
    bases: Mapping[str, str] = field(default_factory=dict)
    target: str = ""
    dockerfile: str = "Dockerfile"


@dataclass(frozen=True)
class Made:
    """
    A step of one build, and what it depends on.

    Attributes:
        label: The name of the stage, or its number as `stage-1`; empty if there is only one stage.
        parts: Everything that the step depends on; see `_parts`.
        strict: The key. For a step that copies from another stage, it includes that stage's key.
        lenient: The key under the assumption that stages that are copied from have the same files
            as before; that of a `COPY --link` leaves out the steps before it.
        chain: The part of this step in the lenient keys of the steps after it.
        above: The step before it in its stage, if there is one.
    """

    stage: Stage
    label: str
    instruction: Instruction
    parts: Mapping[str, object]
    strict: str
    lenient: str
    chain: str
    above: Made | None


@dataclass
class _State:
    """The state of a stage after some of its instructions."""

    top: Made
    environment: dict[str, str] = field(default_factory=dict)
    arguments: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    user: str = ""
    shell: str = ""

    @property
    def variables(self) -> dict[str, str]:
        return {**self.arguments, **self.environment}


class Build:
    """
    One build: the stages that it needs, and the keys of their steps.

    Raises:
        TaskyardError: The Dockerfile cannot be planned, or the build would fail.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.file: Dockerfile = files.read(source.folder / source.dockerfile)
        self.context = Context(source.folder, source.dockerfile)
        self.made: list[Made] = []
        self._states: dict[int, _State] = {}
        self._globals = self._global_arguments()
        self.needed: list[Stage] = []
        target = self.file.stage(source.target) if source.target else self.file.stages[-1]
        if target is None:
            raise TaskyardError(f"there is no stage `{source.target}`", path=self.file.path)
        self._state(target)

    def label(self, stage: Stage) -> str:
        return stage.name or (f"stage-{stage.index}" if len(self.file.stages) > 1 else "")

    def partner(self, made: Made) -> Made | None:
        """Return this build's step with the same instruction in the same stage, if there is one."""
        for one in self.made:
            if (one.label, one.instruction.text) == (made.label, made.instruction.text):
                return one
        return None

    def _global_arguments(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for instruction in self.file.arguments:
            for name, value in files.pairs(instruction, found).items():
                given = self.source.arguments.get(name, value)
                if given is not None:
                    found[name] = given
        return found

    def _state(self, stage: Stage) -> _State:
        """Return the state at the end of a stage, after adding its steps and those it needs."""
        if stage.index not in self._states:
            self.needed.append(stage)
            state = self._begin(stage)
            for instruction in stage.instructions:
                self._apply(stage, state, instruction)
            self._states[stage.index] = state
        return self._states[stage.index]

    def _begin(self, stage: Stage) -> _State:
        (name,) = files.words(stage.base, self._globals) or [""]
        parent = self._earlier(stage, name)
        if parent is not None:
            state = self._state(parent)
            return replace(
                state, environment=dict(state.environment), arguments=dict(state.arguments)
            )
        base = self.source.bases.get(name, name)
        parts = _parts(text=stage.start.text, base=base, name=name)
        key = _digest("from", base, stage.start.flags)
        made = Made(stage, self.label(stage), stage.start, parts, key, key, key, None)
        self.made.append(made)
        return _State(made)

    def _earlier(self, stage: Stage, name: str) -> Stage | None:
        found = self.file.stage(name)
        return found if found is not None and found.index < stage.index else None

    def _apply(self, stage: Stage, state: _State, instruction: Instruction) -> None:
        match instruction.keyword:
            case "ARG":
                for name, default in files.pairs(instruction, state.variables).items():
                    value = default if default is not None else self._globals.get(name)
                    value = self.source.arguments.get(name, value)
                    if value is not None:
                        state.arguments[name] = value
            case "ENV":
                pairs = files.pairs(instruction, state.variables)
                state.environment.update({name: value or "" for name, value in pairs.items()})
            case "USER":
                state.user = " ".join(files.words(instruction.rest, state.variables))
            case "SHELL":
                state.shell = instruction.rest
            case "RUN":
                state.top = self._run(stage, state, instruction)
            case "WORKDIR":
                (folder,) = files.words(instruction.rest, state.variables)
                state.folder = posixpath.normpath(posixpath.join(state.folder, folder))
                parts = _parts(text=instruction.text, folder=state.folder, user=state.user)
                state.top = self._make(stage, state, instruction, parts)
            case "COPY" | "ADD":
                state.top = self._copy(stage, state, instruction)

    def _run(self, stage: Stage, state: _State, instruction: Instruction) -> Made:
        given = {name: value for name, value in state.arguments.items() if name not in PREDEFINED}
        parts = _parts(
            text=instruction.text,
            variables={**given, **state.environment},
            folder=state.folder,
            user=state.user,
            shell=state.shell if instruction.as_list() is None else "",
        )
        for mount in instruction.mounts():
            if mount["type"] == "bind":
                source = mount.get("source") or mount.get("src") or "."
                self._take(stage, state, instruction, parts, mount.get("from"), [source])
        return self._make(stage, state, instruction, parts)

    def _copy(self, stage: Stage, state: _State, instruction: Instruction) -> Made:
        listed = instruction.as_list()
        if listed is None:
            paths = files.words(instruction.rest, state.variables)
        else:
            paths = [" ".join(files.words(one, state.variables)) for one in listed]
        if len(paths) < 2:
            what = f"`{instruction.text}` names no place to copy to"
            raise TaskyardError(what, path=self.file.path, line=instruction.line)
        *sources, target = paths
        chown = " ".join(files.words(instruction.flag("chown") or "", state.variables))
        parts = _parts(
            text=instruction.text,
            linked=instruction.flag("link") not in (None, "false"),
            variables={"sources": " ".join(sources), "target": target, "chown": chown},
            folder="" if target.startswith("/") else state.folder,
        )
        remote = [one for one in sources if "://" in one or one.startswith("git@")]
        if instruction.keyword == "ADD" and remote:
            parts["remote"] = remote
        local = [one for one in sources if one not in remote]
        self._take(stage, state, instruction, parts, instruction.flag("from"), local)
        return self._make(stage, state, instruction, parts)

    def _take(
        self,
        stage: Stage,
        state: _State,
        instruction: Instruction,
        parts: dict[str, object],
        origin: str | None,
        sources: Sequence[str],
    ) -> None:
        """Add to `parts` what a step reads: files of the context, of a stage, or of an image."""
        if origin is not None:
            (origin,) = files.words(origin, {**state.variables, **self._globals}) or [""]
            found = self._earlier(stage, origin)
            noted = parts["images" if found is None else "stages"]
            assert isinstance(noted, dict)
            if found is None:
                noted[origin] = self.source.bases.get(origin, origin)
            else:
                top = self._state(found).top
                noted[origin] = (top.strict, top.lenient)
            return
        for source in sources:
            selected = self.context.select(source)
            if not selected:
                raise self._missing(source, instruction)
            taken = parts["files"]
            assert isinstance(taken, dict)
            taken.update(selected)

    def _missing(self, source: str, instruction: Instruction) -> TaskyardError:
        name = posixpath.normpath("/" + source).lstrip("/")
        rule = self.context.ignored_by(name)
        what = f"the build fails: `{source}` is not in the build context"
        if rule is not None and (self.source.folder / name).exists():
            what += f", because line {rule.line} of `{self.context.ignore.name}` leaves it out"
        hint = "remove that line, or make it narrower" if rule else "name a file that exists"
        return TaskyardError(what, path=self.file.path, line=instruction.line, hint=hint)

    def _make(
        self, stage: Stage, state: _State, instruction: Instruction, parts: dict[str, object]
    ) -> Made:
        stages = parts["stages"]
        assert isinstance(stages, dict)
        own = {name: part for name, part in parts.items() if name not in ("stages", "remote")}
        # Only the build itself can tell whether an address still serves the same content
        strict: list[object] = [own, [key for key, _ in stages.values()]]
        if parts["remote"]:
            strict.append(id(self))
        lenient: list[object] = [own, list(stages)]
        above = state.top
        chain = _digest(*lenient, above.chain)
        alone = _digest(*lenient) if parts["linked"] else chain
        key = _digest(*strict, above.strict)
        made = Made(stage, self.label(stage), instruction, parts, key, alone, chain, above)
        self.made.append(made)
        return made


def _parts(**given: object) -> dict[str, object]:
    """Return all that a step may depend on, with an empty value for whatever is not given."""
    empty: dict[str, object] = {"text": "", "base": "", "name": "", "files": {}, "variables": {}}
    empty |= {"folder": "", "user": "", "shell": "", "images": {}, "stages": {}}
    return {**empty, "linked": False, "remote": [], **given}


def _digest(*parts: object) -> str:
    return sha256(repr(parts).encode()).hexdigest()
