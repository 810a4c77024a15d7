"""The contract for PostgreSQL: what a project of a `postgres` image relies on, on both engines."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from taskyard.deadline import until
from taskyard.engine import ServiceError
from taskyard.engine.embedded import postgres
from taskyard.engine.remains import PROJECT_MARK
from taskyard.errors import TaskyardError
from taskyard.files import ROOT
from taskyard.kit.stack import Stack

DEADLINE_S = 60.0
SOURCE = ROOT / "src"

ON_BOTH = pytest.mark.parametrize(
    "engine",
    [
        pytest.param("local", marks=pytest.mark.xdist_group("postgres-local")),
        pytest.param(
            "docker", marks=[pytest.mark.docker, pytest.mark.xdist_group("postgres-docker")]
        ),
    ],
)

COMPOSE = """
services:
  db:
    image: postgres:17-alpine
    environment:
      POSTGRES_USER: shop
      POSTGRES_PASSWORD: s3cret
      POSTGRES_DB: orders
      POSTGRES_INITDB_ARGS: --data-checksums
    volumes:
      - rows:/var/lib/postgresql/data
      - ./scripts:/docker-entrypoint-initdb.d
    healthcheck:
      test: ["CMD", "pg_isready", "--host=127.0.0.1", "--port=5432", "--username=shop"]
      interval: 1s
      timeout: 3s
      retries: 5
      start_period: 60s
      start_interval: 0.5s
volumes:
  rows:
"""

UNNAMED = """
services:
  db:
    image: postgres:17-alpine
    environment: {POSTGRES_PASSWORD: s3cret}
    healthcheck:
      test: ["CMD-SHELL", "pg_isready -h localhost"]
      interval: 1s
      start_period: 60s
      start_interval: 0.5s
"""


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    postgres.install()


def project(folder: Path, text: str = COMPOSE, **scripts: str) -> Path:
    (folder / "scripts").mkdir(parents=True)
    for name, content in scripts.items():
        stem, _, suffix = name.rpartition("_")
        (folder / "scripts" / f"{stem}.{suffix}").write_text(content)
    for path in (folder, folder / "scripts"):
        path.chmod(0o755)
    (folder / "compose.yaml").write_text(text)
    return folder


def held(folder: Path, engine: str) -> Stack:
    return Stack(folder, engine, publish={"db": postgres.PORT})


def ask(stack: Stack, query: str, service: str = "db", **options: str) -> list[Any]:
    """Ask as a client on this machine does."""
    import psycopg

    settings = stack.project.services[service].environment
    host, port = stack.endpoint(service, postgres.PORT)
    account = {"user": settings.get("POSTGRES_USER", "postgres"), "password": "s3cret"}
    account["dbname"] = settings.get("POSTGRES_DB", account["user"])
    with psycopg.connect(host=host, port=port, **{**account, **options}) as database:
        answer = database.execute(query)
        return answer.fetchall() if answer.description else []


def left_of(name: str) -> list[str]:
    """List the processes and folders of a run, and the servers that work in its folders."""
    left = [str(path) for path in Path("/tmp").glob(f"*{name}*")]
    for process in psutil.process_iter():
        try:
            if process.environ().get(PROJECT_MARK) == name or name in process.cwd():
                left.append(str(process))
        except (psutil.Error, OSError):
            continue
    return left


def forgotten_memory() -> set[str]:
    """List the pieces of System V memory that no process uses: other tests have servers too."""
    table = Path("/proc/sysvipc/shm")
    lines = table.read_text().splitlines()[1:] if table.exists() else []
    return {words[1] for words in map(str.split, lines) if words[6] == "0"}


@ON_BOTH
def test_it_has_the_account_the_database_and_the_arguments_of_its_environment(
    engine: str, tmp_path: Path
) -> None:
    """User, password, database and arguments of `initdb` are the file's; its scripts ran once."""
    scripts = {
        "1_table_sql": "CREATE TABLE items (name text); INSERT INTO items VALUES ('teapot');",
        "2_more_sh": 'psql -U "$POSTGRES_USER" -d "$POSTGRES_DB" -c "INSERT INTO items VALUES (2)"',
        "3_note_txt": "not run",
    }
    with held(project(tmp_path / "lab", **scripts), engine) as stack:
        assert "healthy" == stack.ps()[0].health
        assert [("shop", "orders")] == ask(stack, "SELECT current_user::text, current_database()")
        assert [("on",)] == ask(stack, "SHOW data_checksums")
        assert [("teapot",), ("2",)] == ask(stack, "SELECT name FROM items")
        log = stack.logs("db")
        assert "running /docker-entrypoint-initdb.d/1_table.sql" in log
        assert "ignoring /docker-entrypoint-initdb.d/3_note.txt" in log or "ignoring" in log
        import psycopg

        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            ask(stack, "SELECT 1", password="another")
        inside = ["psql", "-U", "shop", "-d", "orders", "-Atc", "SELECT count(*) FROM items"]
        assert "2" == stack.exec("db", inside).stdout.strip()
        stack.restart("db")
        until(lambda: stack.ps()[0].health == "healthy", "health", DEADLINE_S)
        assert [("teapot",), ("2",)] == ask(stack, "SELECT name FROM items")


@ON_BOTH
def test_its_port_is_closed_while_it_fills_its_disk(engine: str, tmp_path: Path) -> None:
    """A client on the network finds nobody; a program on its socket finds the server too early."""
    gate = "touch filling; until [ -e open ]; do sleep 0.1; done"
    text = COMPOSE.replace("127.0.0.1", "localhost").replace(
        "    volumes:\n", "    working_dir: /gate\n    volumes:\n      - ./gate:/gate\n", 1
    )
    folder = project(tmp_path / "lab", text, gate_sh=gate)
    (folder / "gate").mkdir()
    (folder / "gate").chmod(0o777)
    stack = held(folder, engine)
    try:
        with pytest.raises(ServiceError):
            stack.up(timeout_s=5)
        until((folder / "gate" / "filling").exists, "the script", DEADLINE_S)
        assert 0 == stack.exec("db", ["pg_isready"]).exit_code
        assert 2 == stack.exec("db", ["pg_isready", "-h", "127.0.0.1", "-p", "5432"]).exit_code
        assert "starting" == stack.ps()[0].health
        (folder / "gate" / "open").touch()
        until(lambda: stack.ps()[0].health == "healthy", "health", DEADLINE_S)
        assert 0 == stack.exec("db", ["pg_isready", "-h", "127.0.0.1", "-p", "5432"]).exit_code
    finally:
        (folder / "gate" / "open").touch()
        stack.close()


@ON_BOTH
def test_a_named_volume_outlives_down_and_goes_with_its_volumes(
    engine: str, tmp_path: Path
) -> None:
    """Stop, start, restart, kill and `down` keep the rows; `down --volumes` does not."""
    with held(project(tmp_path / "lab"), engine) as stack:
        ask(stack, "CREATE TABLE items AS SELECT 'teapot' AS name")

        def rows() -> list[Any]:
            until(lambda: stack.ps()[0].health == "healthy", "health", DEADLINE_S)
            return ask(stack, "SELECT name FROM items")

        stack.stop("db")
        assert "exited" == stack.ps()[0].state
        assert 0 == stack.ps()[0].exit_code
        stack.start("db")
        assert [("teapot",)] == rows()
        stack.kill("db", signal="SIGINT")
        until(lambda: stack.ps()[0].state == "exited", "an end", DEADLINE_S)
        assert 0 == stack.ps()[0].exit_code
        stack.start("db")
        assert [("teapot",)] == rows()
        stack.kill("db")
        until(lambda: stack.ps()[0].state == "exited", "an end", DEADLINE_S)
        stack.start("db")
        assert [("teapot",)] == rows()
        assert "automatic recovery in progress" in stack.logs("db")
        stack.down()
        stack.up()
        assert [("teapot",)] == rows()
        stack.down(volumes=True)
        stack.up()
        assert [(None,)] == ask(stack, "SELECT to_regclass('items')::text")


@ON_BOTH
def test_a_volume_without_a_name_stays_with_its_container(engine: str, tmp_path: Path) -> None:
    """A restart finds the rows; after `down` nobody does."""
    with held(project(tmp_path / "lab", UNNAMED), engine) as stack:
        ask(stack, "CREATE TABLE items (name text)")
        stack.restart("db")
        until(lambda: stack.ps()[0].health == "healthy", "health", DEADLINE_S)
        assert [("items",)] == ask(stack, "SELECT to_regclass('items')::text")
        stack.down()
        stack.up()
        assert [(None,)] == ask(stack, "SELECT to_regclass('items')::text")


@ON_BOTH
def test_a_volume_above_the_data_keeps_nothing(engine: str, tmp_path: Path) -> None:
    """The image of version 17 declares a volume one folder further down."""
    text = COMPOSE.replace("rows:/var/lib/postgresql/data", "rows:/var/lib/postgresql")
    with held(project(tmp_path / "lab", text), engine) as stack:
        ask(stack, "CREATE TABLE items (name text)")
        stack.down()
        stack.up()
        assert [(None,)] == ask(stack, "SELECT to_regclass('items')::text")


@ON_BOTH
def test_it_refuses_to_start_without_a_password(engine: str, tmp_path: Path) -> None:
    """The image says so, and so does what stands for it; `trust` is another matter."""
    open_to_all = UNNAMED.replace("POSTGRES_PASSWORD: s3cret", "POSTGRES_HOST_AUTH_METHOD: trust")
    with held(project(tmp_path / "trust", open_to_all), engine) as stack:
        assert [(1,)] == ask(stack, "SELECT 1", password="")
    folder = project(tmp_path / "lab", UNNAMED.replace("{POSTGRES_PASSWORD: s3cret}", "{}"))
    stack = held(folder, engine)
    try:
        with pytest.raises(ServiceError, match="superuser password is not specified"):
            stack.up()
    finally:
        stack.close()


@ON_BOTH
def test_a_script_that_fails_ends_the_start(engine: str, tmp_path: Path) -> None:
    """Its status is the container's."""
    stack = held(project(tmp_path / "lab", wrong_sql="SELECT nothing;"), engine)
    try:
        with pytest.raises(ServiceError, match="ended with exit code 3"):
            stack.up()
    finally:
        stack.close()


@ON_BOTH
def test_two_run_at_once_and_clients_find_each(engine: str, tmp_path: Path) -> None:
    """Both listen on 5432, each behind its own name."""
    text = UNNAMED + UNNAMED.replace("services:\n", "").replace("  db:", "  other:")
    with held(project(tmp_path / "lab", text), engine) as stack:
        ask(stack, "CREATE TABLE items (name text)")
        other = ["psql", "-U", "postgres", "-Atc", "SELECT to_regclass('items')"]
        assert "items" == stack.exec("db", other).stdout.strip()
        assert "" == stack.exec("other", other).stdout.strip()


@ON_BOTH
def test_a_killed_run_leaves_nothing(engine: str, tmp_path: Path) -> None:
    """Neither a process, nor a folder, nor memory of the kernel, even of a busy server."""
    folder = project(tmp_path / "lab", UNNAMED)
    before = forgotten_memory()
    script = f"""
import pathlib, sys, time
from taskyard.kit.stack import Stack
stack = Stack(pathlib.Path({str(folder)!r}), {engine!r})
stack.up()
print(stack.name, flush=True)
stack.exec("db", ["psql", "-U", "postgres", "-c",
    "SELECT count(*) FROM generate_series(1, 1000000000000)"], timeout_s=600)
"""
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    name = child.stdout.readline().strip()
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    if engine == "docker":
        docker = ["docker", "ps", "-aq", "--filter", f"label=com.docker.compose.project={name}"]
        until(
            lambda: not subprocess.run(docker, capture_output=True).stdout,
            "no container",
            DEADLINE_S,
        )
    until(lambda: not left_of(name), "an end", DEADLINE_S, lambda: str(left_of(name)))
    if engine == "local":
        until(lambda: not forgotten_memory() - before, "the memory to go", DEADLINE_S)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_supervisor_of_postgres_leaves_nothing(
    number: signal.Signals, tmp_path: Path
) -> None:
    """Then the holder cleans up; a server's own processes carry no mark of the run."""
    before = forgotten_memory()
    stack = held(project(tmp_path / "lab", UNNAMED), "local")
    with stack:
        [supervisor] = [
            child
            for child in psutil.Process().children()
            if child.status() != psutil.STATUS_ZOMBIE and stack.name in child.cmdline()[-1]
        ]
        supervisor.send_signal(number)
        # Not `wait`: its status is for the holder to take
        until(
            lambda: supervisor.status() == psutil.STATUS_ZOMBIE, "the supervisor's end", DEADLINE_S
        )
    assert [] == left_of(stack.name)
    until(lambda: not forgotten_memory() - before, "the memory to go", DEADLINE_S)


@pytest.fixture
def addresses(tmp_path: Path) -> Iterator[Stack]:
    client = """
  client:
    image: python:3.13-slim
    command: python -c "import time; time.sleep(600)"
    environment:
      DATABASE_URL: postgresql://shop:s3cret@db:5432/orders
      SHORT_URL: postgresql+psycopg://shop:s3cret@db/orders
      DSN: host=db port=5432 user=shop password=s3cret dbname=orders
      PGHOST: db
      HOST: mydb:5432
      PAIR: db:54321
    depends_on: {db: {condition: service_healthy}}
"""
    text = COMPOSE.replace("volumes:\n  rows:", f"{client.strip(chr(10))}\nvolumes:\n  rows:")
    folder = project(tmp_path / "lab", text)
    with held(folder, "local") as stack:
        yield stack


def test_a_client_written_in_c_finds_the_server_by_its_name(addresses: Stack) -> None:
    """Libpq looks names up by itself: what names the server is an address before it starts."""
    code = """
import os, psycopg
urls = [os.environ["DATABASE_URL"], os.environ["SHORT_URL"].replace("+psycopg", "")]
for given in [*urls, os.environ["DSN"], "user=shop password=s3cret dbname=orders"]:
    print(psycopg.connect(given).execute("SELECT 1").fetchone()[0], end=" ")
print(os.environ["HOST"], os.environ["PAIR"])
"""
    done = addresses.exec("client", [sys.executable, "-c", code])
    assert ("1 1 1 1 mydb:5432 db:54321", "") == (done.stdout.strip(), done.stderr)


@ON_BOTH
def test_a_client_from_the_same_image_asks_the_server_that_it_names(
    engine: str, tmp_path: Path
) -> None:
    """A job that waits for the database has the image's programs, and no server of its own."""
    client = """
  client:
    image: postgres:17-alpine
    command: sh -c "until pg_isready --quiet; do sleep 0.1; done; exec sleep 600"
    environment: {PGHOST: db, PGUSER: shop, PGPASSWORD: s3cret, PGDATABASE: orders}
    depends_on: {db: {condition: service_healthy}}
"""
    text = COMPOSE.replace("volumes:\n  rows:", f"{client.strip(chr(10))}\nvolumes:\n  rows:")
    with held(project(tmp_path / "lab", text), engine) as stack:
        done = stack.exec("client", ["psql", "--no-align", "--tuples-only", "-c", "SELECT 7"])
        assert (0, "7") == (done.exit_code, done.stdout.strip()), done.stderr


def test_what_stands_for_another_version_says_so(addresses: Stack) -> None:
    """One version is embedded, whatever the tag."""
    sentences = addresses.engine.unsupported(addresses.project)
    assert "runs PostgreSQL 18 for `db`, whatever version the image is of" in sentences


def test_version_18_keeps_its_data_elsewhere(tmp_path: Path) -> None:
    """Its volume is one folder further up than the one of version 17."""
    text = COMPOSE.replace("postgres:17-alpine", "postgres:18").replace(
        "postgresql/data", "postgresql"
    )
    with held(project(tmp_path / "lab", text), "local") as stack:
        ask(stack, "CREATE TABLE items AS SELECT 'teapot' AS name")
        stack.down()
        stack.up()
        assert [("teapot",)] == ask(stack, "SELECT name FROM items")


def test_a_mount_that_is_no_place_of_the_server_is_refused(tmp_path: Path) -> None:
    """Nothing is ignored in silence."""
    text = COMPOSE.replace(
        "./scripts:/docker-entrypoint-initdb.d", "./own.conf:/etc/postgresql.conf"
    )
    with pytest.raises(
        TaskyardError, match=r"`/etc/postgresql.conf`, which does not exist on this machine"
    ):
        held(project(tmp_path / "lab", text), "local")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_root_becomes_another_user_and_another_user_stays(tmp_path: Path) -> None:
    """PostgreSQL refuses to run as root; whoever is not root runs it as themselves."""
    with held(project(tmp_path / "root", UNNAMED), "local") as stack:
        users = {p.username() for p in psutil.process_iter() if stack.name in _cwd(p)}
        assert users <= {"postgres", "nobody"} and users
    nobody = pwd.getpwnam("nobody")
    folder = project(tmp_path / "lab", UNNAMED)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    code = f"""
import os
os.setgroups([]); os.setgid({nobody.pw_gid}); os.setuid({nobody.pw_uid})
os.chdir({str(folder)!r}) if os.access({str(folder)!r}, os.X_OK) else None
os.environ["HOME"] = "/tmp"
import pathlib
from taskyard.kit.stack import Stack
with Stack(pathlib.Path({str(folder)!r}), "local") as stack:
    print(stack.ps()[0].health, stack.name)
"""
    parents = [path for path in folder.parents if not path.stat().st_mode & 0o001]
    for path in parents:
        path.chmod(path.stat().st_mode | 0o011)
    if not (python := python_for_everybody()):
        pytest.skip("this clone, or every Python like this one, can be read by root alone")
    packages = [path for path in sys.path if "site-packages" in path]
    around = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join([*packages, str(SOURCE)])}
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, cwd="/", env=around)
    assert done.stdout.startswith("healthy "), done.stderr
    assert [] == left_of(done.stdout.split()[1])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_strict_umask_of_root_shuts_nobody_out(tmp_path: Path) -> None:
    """The other user reaches all that the run made, and the copies of the project's scripts."""
    text = f"{UNNAMED}    volumes: [./scripts:/docker-entrypoint-initdb.d]\n"
    usual = os.umask(0o077)
    try:
        folder = project(tmp_path / "lab", text, a_sql="CREATE TABLE items AS SELECT 7 AS n;")
        with held(folder, "local") as stack:
            assert [(7,)] == ask(stack, "SELECT n FROM items")
    finally:
        os.umask(usual)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_folder_that_root_alone_may_enter_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says which folder it is, and what to do."""
    with tempfile.TemporaryDirectory(dir="/tmp") as closed:
        Path(closed).chmod(0o700)
        monkeypatch.setattr(tempfile, "tempdir", closed)
        stack = held(project(tmp_path / "lab", UNNAMED), "local")
        with pytest.raises(ServiceError) as told:
            stack.up()
        stack.close()
    said = str(told.value)
    assert "Traceback" not in said
    assert f"cannot enter {closed}" in said
    assert f"chmod o+x {closed}" in said
    assert "export TMPDIR=/tmp" in said


def python_for_everybody() -> str:
    """Return a Python of this version that every user may run, if they may read this clone."""
    places = ["/usr/bin", "/usr/local/bin", str(Path(sys.executable).resolve().parent)]
    for place in places:
        python = Path(place) / f"python3.{sys.version_info.minor}"
        around = (*python.resolve().parents, *SOURCE.parents)
        if python.exists() and all(path.stat().st_mode & 0o001 for path in around):
            return str(python)
    return ""


def _cwd(process: psutil.Process) -> str:
    try:
        return process.cwd()
    except (psutil.Error, OSError):
        return ""
