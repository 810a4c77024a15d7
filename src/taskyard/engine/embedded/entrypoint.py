"""
The embedded PostgreSQL's counterpart of the entry point of the image `postgres`.

A temporary server that listens only on its Unix socket fills a new data folder, so that no client
can connect before the database, its password and the project's scripts are in place. Then this
process becomes the real server. It runs as a script, and imports nothing of the course.

Source: `docker-entrypoint.sh` of the image.
"""

from __future__ import annotations

import gzip
import os
import pwd
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

READY_S = 480.0
"""A minute of an idle machine, on the slowest one that a deadline of the course allows for."""

STEP_S = 0.05
USERS = ("postgres", "nobody")

NO_PASSWORD = """\
Error: Database is uninitialized and superuser password is not specified.
       You must specify POSTGRES_PASSWORD to a non-empty value for the
       superuser. For example, "-e POSTGRES_PASSWORD=password" on "docker run".

       You may also use "POSTGRES_HOST_AUTH_METHOD=trust" to allow all
       connections without a password. This is *not* recommended.
"""


def main() -> None:
    """Become the program that the arguments name; if it is the server, fill its data first."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    arguments = sys.argv[1:] or ["postgres"]
    if arguments[0].startswith("-"):
        arguments.insert(0, "postgres")
    if arguments[0] != "postgres":
        os.execvp(arguments[0], arguments)
    data, sockets = Path(os.environ["PGDATA"]), Path(os.environ["PGHOST"])
    ours = [
        *("-c", f"port={os.environ['PGPORT']}"),
        *("-c", f"unix_socket_directories={sockets}"),
        # Memory in files goes with the data folder; a killed server would leave the other kinds
        *("-c", "dynamic_shared_memory_type=mmap"),
    ]
    if os.geteuid() == 0:
        become_another(data, sockets, Path(os.environ["TASKYARD_INITDB"]))
    data.chmod(0o700)
    if (data / "PG_VERSION").exists():
        say("PostgreSQL Database directory appears to contain a database; Skipping initialization")
    else:
        initialise(data, [*arguments, *ours, "-c", "listen_addresses="])
        say("PostgreSQL init process complete; ready for start up.")
    os.execvp("postgres", [*arguments, *ours, "-c", "listen_addresses=127.0.0.1"])


def say(text: str) -> None:
    print(f"\n{text}\n", flush=True)


def become_another(data: Path, sockets: Path, scripts: Path) -> None:
    """Give what the run made to a user other than root, whatever the umask; go on as that user."""
    for name in USERS:
        try:
            user = pwd.getpwnam(name)
            break
        except KeyError:
            continue
    else:
        sys.exit(
            f"Error: PostgreSQL does not run as root, and there is no user {' or '.join(USERS)}"
        )
    state = scripts.parents[1]
    for place in (data, sockets, scripts, *state.glob("postgres")):
        for path in (place, *place.rglob("*")):
            if path.lstat().st_uid != user.pw_uid:
                os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
        for above in place.parents:
            if above.is_relative_to(state):
                above.chmod(0o711)
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    for above in reversed(data.parents):
        if not os.access(above, os.X_OK):
            sys.exit(
                f"Error: PostgreSQL does not run as root, and {name} cannot enter {above}.\n"
                f"Let every user pass: chmod o+x {shlex.quote(str(above))}\n"
                "If it is your folder for temporary files, another does as well:"
                " export TMPDIR=/tmp"
            )


def setting(name: str, default: str = "") -> str:
    """Return a variable, the content of the file that its NAME_FILE names, or the default."""
    if os.environ.get(name) and os.environ.get(f"{name}_FILE"):
        sys.exit(f"error: both {name} and {name}_FILE are set (but are exclusive)")
    if file := os.environ.get(f"{name}_FILE"):
        try:
            os.environ[name] = Path(file).read_text(encoding="utf-8").rstrip("\n")
        except OSError as error:
            sys.exit(f"error: {name}_FILE: {error.strerror}: {file}")
    os.environ[name] = os.environ.get(name) or default
    return os.environ[name]


def initialise(data: Path, server: list[str]) -> None:
    """Fill the data folder, and run the project's scripts on a server without a TCP port."""
    password, user = setting("POSTGRES_PASSWORD"), setting("POSTGRES_USER", "postgres")
    database, arguments = setting("POSTGRES_DB", user), setting("POSTGRES_INITDB_ARGS")
    method = os.environ.get("POSTGRES_HOST_AUTH_METHOD") or "scram-sha-256"
    if not password and method != "trust":
        sys.exit(NO_PASSWORD)
    if os.environ.get("POSTGRES_INITDB_WALDIR"):
        sys.exit("Error: POSTGRES_INITDB_WALDIR is a place in a container: there is none")
    # The image trusts clients on 127.0.0.1, which is the container alone. Here all come from there
    run(
        *("initdb", "--username", user, "--pwfile", "/dev/stdin", "--no-sync", "--no-instructions"),
        *("--auth-local", "trust", "--auth-host", method),
        *("--encoding", "UTF8", "--locale", "C"),
        *shlex.split(arguments),
        content=f"{password or 'none'}\n",
    )
    with (data / "pg_hba.conf").open("a", encoding="utf-8") as rules:
        rules.write(f"\nhost all all all {method}\n")
    os.environ.update(PGUSER=user, PGDATABASE=database)
    starting = subprocess.Popen(server)
    try:
        await_ready(starting)
        if database != "postgres":
            name = database.replace('"', '""')
            run(*PSQL, "--dbname", "postgres", content=f'CREATE DATABASE "{name}";\n')
        for script in sorted(Path(os.environ["TASKYARD_INITDB"]).iterdir()):
            run_script(script)
    finally:
        starting.send_signal(signal.SIGINT)
        starting.wait()


PSQL = ("psql", "--set", "ON_ERROR_STOP=1", "--no-psqlrc", "--no-password")


def await_ready(server: subprocess.Popen[bytes]) -> None:
    """Wait until the server answers on its socket."""
    end = time.monotonic() + READY_S
    while subprocess.run(["pg_isready", "--quiet"], check=False).returncode:
        if server.poll() is not None or time.monotonic() > end:
            sys.exit("Error: the server that fills the data folder does not answer")
        time.sleep(STEP_S)


def run_script(script: Path) -> None:
    """Run or ignore one of the scripts, depending on its suffix."""
    shown = f"docker-entrypoint.sh: %s /docker-entrypoint-initdb.d/{script.name}"
    if script.suffix == ".sh":
        say(shown % "running")
        if os.access(script, os.X_OK):
            run(str(script))
        else:
            run(shutil.which("bash") or "sh", str(script))
    elif script.suffix == ".sql":
        say(shown % "running")
        run(*PSQL, "--file", str(script))
    elif script.name.endswith(".sql.gz"):
        say(shown % "running")
        run(*PSQL, content=gzip.decompress(script.read_bytes()).decode())
    else:
        say(shown % "ignoring")


def run(*command: str, content: str = "") -> None:
    """Run a program to its end; if it fails, exit with its status."""
    done = subprocess.run(command, input=content, text=True, check=False)
    if done.returncode:
        sys.exit(done.returncode if done.returncode > 0 else 128 - done.returncode)


if __name__ == "__main__":
    main()
