"""
Which small mistakes a lab's check lets through: `make bench ARGS=mutants`, some hours.

Each solution is changed at one place by one rule of bench/mutation/, and checked as a learner's
files are. What the check rejects is killed; what passes has survived, unless bench/equivalent/ says
why it is right as well. The counts are written to docs/exams.md, with every survivor.

`make bench ARGS=mutants LABS="replicas beat" COUNT=40 SEED=1` tries so many of these labs, drawn
with this seed. What has been tried is kept in .cache/mutants/ while neither the lab nor the
package has changed, so a run that was stopped goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import tomllib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mutation.mutant import Mutant, draw, mutants_of, starts

from taskyard.course import Course, Lab
from taskyard.files import ROOT
from taskyard.kit.contract import Contract, load

COUNT, SEED, JOBS, TRIES = 40, "1", 2, 3
PASSED, REJECTED, UNDECIDED = 0, 1, 4
TABLE = ROOT / "docs" / "exams.md"


class Journal:
    """What has been tried of one lab: a line of JSON for each mutant, so that nothing is lost."""

    def __init__(self, lab: Lab) -> None:
        self._path = ROOT / ".cache" / "mutants" / f"{lab.slug}.jsonl"
        self._inputs = digest(lab.folder, ROOT / "src" / "taskyard")
        self._lock = threading.Lock()
        self._found: dict[str, str] = {}
        if self._path.exists():
            for line in self._path.read_text(encoding="utf-8").splitlines():
                entry = json.loads(line)
                if entry["inputs"] == self._inputs:
                    self._found[entry["name"]] = entry["outcome"]

    def get(self, mutant: Mutant) -> str | None:
        """Return how it came out; None where it has not been tried."""
        return self._found.get(mutant.name)

    def add(self, mutant: Mutant, outcome: str) -> None:
        with self._lock:
            self._found[mutant.name] = outcome
            self._path.parent.mkdir(parents=True, exist_ok=True)
            entry = {"inputs": self._inputs, "name": mutant.name, "outcome": outcome}
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")


def digest(*folders: Path) -> str:
    """Return one digest of all files below some folders."""
    told = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                told.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes())
    return told.hexdigest()[:16]


def outcome_of(lab: Lab, mutant: Mutant) -> str:
    """Run the check on a mutant; return `killed: …`, `survived`, `invalid` or `not decided`."""
    engine = "docker" if Contract.of(load(lab.demo)).needs_docker else "local"
    for _ in range(TRIES):
        with tempfile.TemporaryDirectory() as name:
            folder = lab.assemble("solution", Path(name) / lab.slug)
            (folder / mutant.path).write_text(mutant.text, encoding="utf-8")
            if not starts(folder):
                return "invalid"
            report = Path(name) / "report.json"
            command = [sys.executable, "-m", "taskyard", "--engine", engine, "check", lab.slug]
            command += ["--folder", str(folder), "--json", str(report)]
            environment = {**os.environ, "TASKYARD_WORK": str(Path(name) / "work"), "CI": "true"}
            done = subprocess.run(command, env=environment, capture_output=True, text=True)
            if done.returncode == PASSED:
                return "survived"
            if done.returncode == REJECTED and report.read_text():
                verdicts = json.loads(report.read_text())["requirements"]
                first = next(one for one in verdicts if one["outcome"] == "failed")
                return f"killed: {first['saw']}"
            if done.returncode != UNDECIDED:
                return f"broken: {done.stdout}{done.stderr}"
    return "not decided"


def equivalent_of(lab: Lab) -> dict[str, str]:
    """Return the mutants that are right as well, with the reason."""
    path = Path(__file__).parent / "equivalent" / f"{lab.slug}.toml"
    reasons: dict[str, str] = tomllib.loads(path.read_text("utf-8")) if path.exists() else {}
    known = {one.name for one in mutants_of(lab)}
    if gone := sorted(set(reasons) - known):
        sys.exit(f"error: {path}: these are no mutants any more: {gone}")
    return reasons


def try_all(lab: Lab, count: int, seed: str) -> dict[str, str]:
    """Try mutants of one lab until so many could be tried; return their outcomes by name."""
    journal = Journal(lab)
    drawn = draw(mutants_of(lab), count, f"{seed}-{lab.slug}")

    def one(mutant: Mutant) -> tuple[str, str]:
        outcome = journal.get(mutant)
        if outcome is None:
            outcome = outcome_of(lab, mutant)
            journal.add(mutant, outcome)
            print(f"{lab.slug}  {mutant.name}  =>  {' '.join(outcome.split())[:100]}", flush=True)
        return mutant.name, outcome

    with ThreadPoolExecutor(JOBS) as pool:
        return {name: told for name, told in pool.map(one, drawn) if told != "invalid"}


def table(found: dict[Lab, dict[str, str]], seed: str) -> str:
    """Write what came out, a lab a row, with each survivor below."""
    rows, survivors, excused = [], [], []
    for lab, outcomes in found.items():
        reasons = equivalent_of(lab)
        counts = Counter(told.partition(":")[0] for told in outcomes.values())
        alive = [name for name, told in outcomes.items() if told == "survived"]
        right = [name for name in alive if name in reasons]
        judged = counts["killed"] + len(alive) - len(right)
        share = f"{counts['killed'] / judged:.0%}" if judged else "–"
        cells = (len(outcomes), counts["killed"], len(alive) - len(right), len(right), share)
        rows.append(f"| {lab.number:02} {lab.slug} | " + " | ".join(map(str, cells)) + " |")
        survivors += [f"- {lab.slug}: `{name}`" for name in alive if name not in reasons]
        excused += [f"- {lab.slug}: `{name}`: {reasons[name]}" for name in right]
    head = "| lab | mutants | killed | survived | equivalent | killed of those that are wrong |"
    lines = [
        "# How fair the exams are",
        "",
        "A mutant is a lab's solution with one small mistake, made by a rule.",
        f"`make bench ARGS=mutants` makes and checks them, and writes this page (seed {seed}).",
        "",
        head,
        "|---|---|---|---|---|---|",
        *rows,
        "",
        "## Survivors",
        "",
        *(survivors or ["None."]),
        "",
        "## Equivalent: other right answers",
        "",
        *(excused or ["None."]),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    course = Course.discover()
    wanted = os.environ.get("LABS", "").split()
    labs = [course.lab(slug) for slug in wanted] if wanted else list(course.labs)
    count, seed = int(os.environ.get("COUNT", COUNT)), os.environ.get("SEED", SEED)
    print(f"seed {seed}, {count} mutants of each lab, {JOBS} at once", flush=True)
    text = table({lab: try_all(lab, count, seed) for lab in labs}, seed)
    print(text)
    if not wanted:
        TABLE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
