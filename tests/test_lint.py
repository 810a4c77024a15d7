"""Every file is well-formed, typed and formatted, and holds nothing that belongs elsewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from taskyard.course import Course
from taskyard.errors import TaskyardError
from taskyard.files import ROOT

TOOLS = Path(sys.executable).parent
PACKAGE = ROOT / "src" / "taskyard"
MAKEFILE = ROOT / "Makefile"
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"
PROOF = WORKFLOW.with_name("proof.yml")
COMPOSE = ROOT / "docker-compose.yml"
SETS = sorted(path.stem for path in (ROOT / "requirements").glob("*.txt"))

FORBIDDEN = {
    "address of a package registry": r"(?:pypi|pythonhosted)\.org\b|registry\.npmjs|docker\.io/",
    "path of somebody's machine": r"/work/(?:main|shared)\b|/(?:home|Users)/(?!learner\b)\w+/"
    r"|/root/(?!\.cache\b)[\w.]|/opt/(?:wheels|pypi)|/tmp/bash_jobs",
    "private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "token": r"\b(?:AKIA[0-9A-Z]{16}|gh[pousr]_\w{36,}|xox[abprs]-[\w-]{10,}|sk-[\w-]{32,})",
    "password in an address": r"\bhttps?://[^\s/:@\"'`$]+:[^\s/@\"'`$]+@",
}


def tracked() -> list[Path]:
    """Return the files that git tracks or would add; ignored files are left out."""
    command = [
        "git",
        "-c",
        "safe.directory=*",
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    paths = (ROOT / name for name in listed.split("\0") if name)
    return sorted(path for path in paths if path.is_file())


def is_script(path: Path) -> bool:
    with path.open("rb") as file:
        return re.match(rb"#!.*\b(?:ba)?sh\b", file.readline(200)) is not None


def is_dockerfile(path: Path) -> bool:
    """Tell whether a file is a Dockerfile, and not one that is wrong on purpose."""
    on_purpose = ROOT / "labs" in path.parents and {"starter", "wrong"} & set(path.parts)
    return path.name.split(".")[0] == "Dockerfile" and not on_purpose


def chosen(is_wanted: Callable[[Path], bool]) -> list[object]:
    """Return one parameter for each file, at least one: a linter without files finds nothing."""
    paths = [path for path in tracked() if is_wanted(path)]
    assert paths, f"no file for {is_wanted.__name__}: is the repository complete?"
    return [pytest.param(path, id=str(path.relative_to(ROOT))) for path in paths]


def tool(name: str) -> str:
    """Return the path of a program that the test set installs, or else of the machine's own."""
    path = shutil.which(name, path=str(TOOLS)) or shutil.which(name)
    if path is None:
        pytest.skip(f"there is no `{name}` for this machine")
    return path


def assert_clean(*command: str | Path, cwd: Path = ROOT) -> None:
    """Fail with what the tool said, and with nothing around it."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"{done.stdout}{done.stderr}".strip(), pytrace=False)


def variants() -> list[object]:
    """Return each lab in each of its states."""
    try:
        labs = Course.discover().labs
    except TaskyardError:  # test_discovery.py tells it
        return []
    return [
        pytest.param(lab.slug, variant, id=f"{lab.folder.name}-{variant}")
        for lab in labs
        for variant in lab.variants
    ]


def test_python_follows_the_rules_of_ruff() -> None:
    assert_clean(sys.executable, "-m", "ruff", "check", "--quiet", ".")


def test_python_is_formatted() -> None:
    assert_clean(sys.executable, "-m", "ruff", "format", "--check", "--diff", "--quiet", ".")


def test_the_package_is_typed() -> None:
    assert PACKAGE.is_dir()
    assert_clean(sys.executable, "-m", "mypy", "--no-error-summary", "--strict", PACKAGE)


@pytest.mark.parametrize("path", chosen(is_script))
def test_a_shell_script_is_clean(path: Path) -> None:
    assert_clean(tool("shellcheck"), path)


@pytest.mark.parametrize("path", chosen(is_dockerfile))
def test_a_dockerfile_is_clean(path: Path) -> None:
    assert_clean(tool("hadolint"), "--no-color", path)


@pytest.mark.parametrize("path", chosen(is_dockerfile))
def test_a_dockerfile_builds_without_a_registry(path: Path) -> None:
    """A `# syntax=` line would fetch its own front end before anything else."""
    assert re.search(r"^#\s*syntax=", path.read_text(), re.MULTILINE) is None


def config(*arguments: str | Path, cwd: Path) -> None:
    if shutil.which("docker") is None:
        pytest.skip("there is no `docker` command")
    if subprocess.run(
        ["docker", "compose", "version"], capture_output=True, check=False
    ).returncode:
        pytest.skip("there is no `docker compose`")
    assert_clean("docker", "compose", *arguments, "config", "--quiet", cwd=cwd)


def test_compose_accepts_the_course() -> None:
    config("--file", COMPOSE, cwd=ROOT)


@pytest.mark.parametrize(("slug", "variant"), variants())
def test_compose_accepts_a_lab(slug: str, variant: str, tmp_path: Path) -> None:
    Course.discover().lab(slug).assemble(variant, tmp_path)
    config("--file", tmp_path / "compose.yaml", cwd=tmp_path)


@pytest.mark.parametrize(
    ("schema", "path"),
    [("github-workflows", WORKFLOW), ("github-workflows", PROOF), ("compose-spec", COMPOSE)],
)
def test_yaml_follows_its_schema(schema: str, path: Path) -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}"]
    assert_clean(*check, path)


def test_make_alone_lists_every_target() -> None:
    targets = set(re.findall(r"^([a-z][a-z%-]*):", MAKEFILE.read_text(), re.MULTILINE))
    helped = subprocess.run(["make"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    listed = re.findall(r"^  make (\S+) +\S", helped, re.MULTILINE)
    assert sorted(target.replace("%", "N") for target in targets) == sorted(listed)
    assert len(listed) > 10


def test_the_workflow_runs_what_everybody_runs() -> None:
    commands = re.findall(r"run: (.*)", WORKFLOW.read_text())
    assert commands
    assert set(commands) == {"make test"}


def test_a_proof_runs_by_itself_with_all_that_it_can_use() -> None:
    """What is missing there would be skipped, and nobody reads that every week."""
    text = PROOF.read_text()
    assert re.search(r"^  schedule:\n    - cron: ", text, re.MULTILINE)
    commands = re.findall(r"run: (.*)", text)
    assert any(re.search(r"apt-get .*install faketime\b", command) for command in commands)
    assert commands[-1] == "make proof"
    kinds = re.findall(r"TASKYARD_REQUIRE=(\w+)", (ROOT / "pyproject.toml").read_text())
    assert "faketime" in kinds
    for path in (PROOF, ROOT / "CONTRIBUTING.md"):
        required = re.findall(r"TASKYARD_REQUIRE[:=] ?(\S+)", path.read_text())
        assert [sorted(kinds)] == [sorted(one.split(",")) for one in required], path


@pytest.mark.parametrize("name", SETS)
def test_each_pin_has_a_hash(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    pins = [line for line in text.splitlines() if line and line[0] not in " #"]
    assert pins
    for pin in pins:
        assert re.fullmatch(r"[\w.-]+(\[[\w,-]+\])?==\S+( ; .+)? \\", pin), pin
    assert text.count("\\\n    --hash=sha256:") >= len(pins)
    assert "://" not in text


@pytest.mark.parametrize(
    ("smaller", "larger"), [("runtime", "lab"), ("lab", "notebook"), ("notebook", "test")]
)
def test_a_set_holds_the_smaller_one(smaller: str, larger: str) -> None:
    assert pins(smaller) - pins(larger) == set()


@pytest.mark.parametrize("name", SETS)
def test_a_package_has_one_version_in_the_course(name: str) -> None:
    """What is installed beside the tests, as PostgreSQL is, leaves their packages as they are."""
    tested = pins("test")
    names = {pin.partition("==")[0] for pin in tested}
    assert {pin for pin in pins(name) if pin.partition("==")[0] in names} - tested == set()


def pins(name: str) -> set[str]:
    """Return the versions of a set; a package has two if they depend on the version of Python."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    return set(re.findall(r"^[\w.-]+==[^\s;]+", text, re.MULTILINE))


def test_no_file_holds_what_belongs_elsewhere() -> None:
    found = []
    for path in tracked():
        if path == Path(__file__):
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture
        for what, pattern in FORBIDDEN.items():
            for match in re.finditer(pattern, text):
                line = text.count("\n", 0, match.start()) + 1
                found.append(f"{path.relative_to(ROOT)}:{line}: {what}: {match[0]}")
    assert found == []


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("address of a package registry", "https://py" + "pi.org/simple"),
        ("path of somebody's machine", "/ro" + "ot/.pyenv/bin"),
        ("path of somebody's machine", "/ho" + "me/ann/taskyard"),
        ("private key", "-----BEGIN RSA PRIVATE" + " KEY-----"),
        ("token", "gh" + "p_" + "a" * 36),
        ("password in an address", "https://ann:" + "secret@example.org"),
    ],
)
def test_what_belongs_elsewhere_is_recognised(what: str, text: str) -> None:
    assert re.search(FORBIDDEN[what], text)
