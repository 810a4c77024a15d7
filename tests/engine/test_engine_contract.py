"""The contract: what a demo or a check relies on, held against both engines."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import redis

from taskyard import deadline
from taskyard.engine import Replica, ServiceError
from taskyard.engine.ports import free_port
from taskyard.engine.remains import PROJECT_MARK
from taskyard.errors import TaskyardError
from taskyard.kit.stack import Stack

DEADLINE_S = 30.0
SERVICE = Path(__file__).parent / "service.py"

pytestmark = pytest.mark.parametrize(
    "engine",
    [
        pytest.param("local", marks=pytest.mark.xdist_group("contract-local")),
        pytest.param(
            "docker", marks=[pytest.mark.docker, pytest.mark.xdist_group("contract-docker")]
        ),
    ],
    scope="module",
)

COMPOSE = """
x-service: &service
  image: python:3.13-slim
  working_dir: /lab
  volumes: [".:/lab"]

services:
  redis:
    image: redis:8-alpine
    command: redis-server --appendonly yes
    volumes: ["data:/data"]
    healthcheck:
      test: ["CMD", "redis-cli", "ping"]
      interval: 1s
      retries: 20
  shop:
    <<: *service
    command: python service.py serves
    environment:
      REDIS_URL: redis://redis:6379/0
    depends_on:
      redis: {condition: service_healthy}
    restart: always
    deploy: {replicas: 2}
  stubborn:
    <<: *service
    stop_grace_period: 1s
    command: ["python", "service.py", "stubborn"]
  once:
    <<: *service
    command: python service.py once

volumes:
  data:
"""


def project(folder: Path, text: str) -> Path:
    """Lay out a project that containers can read too."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    (folder / "compose.yaml").write_text(textwrap.dedent(text))
    (folder / "service.py").write_text(SERVICE.read_text())
    return folder


def one_service(folder: Path, options: str, command: str = "python service.py") -> Path:
    text = f"""
    services:
      one:
        image: python:3.13-slim
        working_dir: /lab
        volumes: [".:/lab"]
        stop_grace_period: 1s
        command: {command}
    """
    return project(
        folder, textwrap.dedent(text) + textwrap.indent(textwrap.dedent(options), "    ")
    )


def until(condition: Callable[[], object]) -> None:
    deadline.until(condition, "what the test asks for", DEADLINE_S)


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return str(answer.read().decode())


def answers(url: str) -> bool:
    try:
        return bool(fetch(url))
    except OSError:
        return False


def left_of(name: str, engine: str) -> list[str]:
    """List all that is still there of a run: processes, folders, containers, networks, volumes."""
    left = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(PROJECT_MARK) == name:
                left.append(f"process {process.pid}")
            if any(name in argument for argument in process.cmdline()):
                left.append(f"process {process.cmdline()}")
        except psutil.Error:
            continue
    left += [str(path) for path in Path(os.environ.get("TMPDIR", "/tmp")).glob(f"*{name}*")]
    if engine == "docker":
        for listing in (["ps", "-aq"], ["network", "ls", "-q"], ["volume", "ls", "-q"]):
            label = f"label=com.docker.compose.project={name}"
            command = ["docker", *listing, "--filter", label]
            left += subprocess.run(command, capture_output=True, text=True).stdout.split()
    return left


def listening(name: str) -> set[tuple[str, int]]:
    """Return the addresses at which the processes of a run can be reached."""
    found: set[tuple[str, int]] = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(PROJECT_MARK) == name:
                sockets = process.net_connections("tcp")
                found |= {tuple(one.laddr) for one in sockets if one.status == psutil.CONN_LISTEN}
    return found


def docker(*arguments: str) -> list[str]:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True).stdout.split()


@pytest.fixture(scope="module")
def stack(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = project(tmp_path_factory.mktemp("contract") / "lab", COMPOSE)
    with Stack(folder, engine) as stack:
        yield stack
    assert [] == left_of(stack.name, engine)


def replicas(stack: Stack, service: str) -> list[Replica]:
    return [replica for replica in stack.ps() if replica.service == service]


def test_up_returns_when_all_replicas_run_and_are_healthy(stack: Stack) -> None:
    """`ps` lists them in the file's order, and a service that completed is no failure."""
    seen = [(r.name, r.state, r.health) for r in stack.ps() if r.service != "once"]
    assert seen == [
        ("redis-1", "running", "healthy"),
        ("shop-1", "running", None),
        ("shop-2", "running", None),
        ("stubborn-1", "running", None),
    ]
    until(lambda: [r.exit_code for r in replicas(stack, "once")] == [0])


def test_each_replica_has_its_own_host_name_and_log(stack: Stack) -> None:
    """The log of a replica names the host that `ps` names."""
    for replica in replicas(stack, "shop"):
        expected = f"hello from {replica.hostname}"
        until(lambda r=replica, e=expected: e in stack.logs("shop", r.index))
    first, second = replicas(stack, "shop")
    assert first.hostname != second.hostname
    assert second.hostname in stack.logs("shop")
    assert second.hostname not in stack.logs("shop", 1)


def test_each_replica_answers_at_its_own_endpoint(engine: str, tmp_path: Path) -> None:
    """The port that the file does not publish is asked for, and two replicas are two addresses."""
    folder = one_service(tmp_path / "lab", "deploy: {replicas: 2}", "python service.py serves")
    with Stack(folder, engine, publish={"one": 8000}) as stack:
        urls = [stack.http("one", 8000, index) for index in (1, 2)]
        until(lambda: all(answers(url) for url in urls))
        names = [fetch(url) for url in urls]
        assert names == [replica.hostname for replica in stack.ps()]


def test_a_service_name_leads_to_the_service_and_localhost_does_not(stack: Stack) -> None:
    """`redis:6379` answers inside; `localhost:6379` is refused, as in any container."""
    ask = "import socket, sys; socket.create_connection((sys.argv[1], 6379), 5).close()"
    assert stack.exec("shop", ["python", "-c", ask, "redis"]).exit_code == 0
    refused = stack.exec("shop", ["python", "-c", ask, "localhost"])
    assert refused.exit_code == 1
    assert "ConnectionRefusedError" in refused.stderr


def test_exec_runs_beside_the_replica(stack: Stack) -> None:
    """It has the service's folder, environment and host name, and returns its exit code."""
    show = "import os, socket, sys; print(os.environ['REDIS_URL'], socket.gethostname())"
    done = stack.exec("shop", ["python", "-c", show], index=2)
    assert done.stdout.split() == ["redis://redis:6379/0", replicas(stack, "shop")[1].hostname]
    assert stack.exec("shop", ["python", "-c", "raise SystemExit(7)"]).exit_code == 7
    assert stack.exec("shop", ["ls"]).stdout.split() == ["compose.yaml", "service.py"]


def test_the_shell_of_the_learner_does_not_reach_the_services(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container has none of your shell's variables, and neither has a local process."""
    monkeypatch.setenv("FROM_MY_SHELL", "leaked")
    show = "import os; print(os.environ.get('FROM_MY_SHELL'))"
    assert stack.exec("shop", ["python", "-c", show]).stdout.strip() == "None"


def test_scale_starts_and_removes_replicas_while_the_others_run(stack: Stack) -> None:
    """The first two keep running, and a name that was free is used again."""
    before = stack.logs("shop", 1)
    stack.scale("shop", 3)
    assert [r.index for r in replicas(stack, "shop")] == [1, 2, 3]
    until(lambda: "hello" in stack.logs("shop", 3))
    stack.scale("shop", 2)
    assert [r.index for r in replicas(stack, "shop")] == [1, 2]
    assert stack.logs("shop", 1) == before


def test_kill_is_not_followed_by_a_restart(stack: Stack) -> None:
    """As with `docker kill`, even `restart: always` leaves the replica dead until it is started."""
    stack.kill("shop", 2)
    until(lambda: replicas(stack, "shop")[1].state == "exited")
    assert replicas(stack, "shop")[1].exit_code == 137
    stack.start("shop", 2)
    until(lambda: replicas(stack, "shop")[1].state == "running")
    assert replicas(stack, "shop")[1].restarts == 0
    until(lambda: stack.logs("shop", 2).count("hello") == 2)


def test_a_crash_is_followed_by_a_restart(stack: Stack) -> None:
    """The first process dies by itself, so the policy applies."""
    stack.crash("shop", 1)
    until(lambda: replicas(stack, "shop")[0].restarts == 1)
    until(lambda: replicas(stack, "shop")[0].state == "running")
    until(lambda: stack.logs("shop", 1).count("hello") == 2)


def test_stop_gives_the_process_time_to_leave(stack: Stack) -> None:
    """A process that handles the stop signal says good-bye and ends with 0."""
    stack.stop("shop", 2)
    stopped = replicas(stack, "shop")[1]
    assert (stopped.state, stopped.exit_code) == ("exited", 0)
    assert stack.logs("shop", 2).rstrip().endswith("bye")
    stack.start("shop", 2)
    until(lambda: replicas(stack, "shop")[1].state == "running")


def test_stop_kills_a_process_that_does_not_leave(stack: Stack) -> None:
    """After the grace period comes SIGKILL: exit code 137."""
    stack.stop("stubborn")
    stopped = replicas(stack, "stubborn")[0]
    assert (stopped.state, stopped.exit_code) == ("exited", 137)


def test_a_replica_that_ended_badly_can_be_removed(stack: Stack) -> None:
    """A replica that is to go need not be well: a new one takes its place."""
    stack.stop("stubborn")
    assert [one.exit_code for one in replicas(stack, "stubborn")] == [137]
    stack.scale("stubborn", 0)
    assert replicas(stack, "stubborn") == []
    stack.scale("stubborn", 1)
    assert [one.state for one in replicas(stack, "stubborn")] == ["running"]


def test_restart_keeps_the_volume(stack: Stack) -> None:
    """A Redis that appends its writes to a file has them after a restart."""
    redis.Redis.from_url(stack.url("redis")).set("kept", "yes")
    stack.restart("redis")
    until(lambda: replicas(stack, "redis")[0].health == "healthy")
    assert redis.Redis.from_url(stack.url("redis")).get("kept") == b"yes"


def test_down_keeps_named_volumes_until_they_are_asked_for(engine: str, tmp_path: Path) -> None:
    """`down` removes the replicas and what has no name, `down(volumes=True)` also the data."""
    folder = project(tmp_path / "lab", COMPOSE[: COMPOSE.index("  shop:")] + "volumes: {data: }\n")
    with Stack(folder, engine) as stack:
        redis.Redis.from_url(stack.url()).set("kept", "yes")
        stack.down()
        assert [] == stack.ps()
        stack.up()
        assert redis.Redis.from_url(stack.url()).get("kept") == b"yes"
        stack.down(volumes=True)
        stack.up()
        assert redis.Redis.from_url(stack.url()).get("kept") is None


def test_volumes_without_a_name_go_with_their_container(engine: str, tmp_path: Path) -> None:
    """An image may declare a volume; `down` and `scale` leave none of these behind."""
    if engine == "local":
        pytest.skip("an embedded server has a folder in the state of its run")
    folder = project(tmp_path / "lab", "services: {redis: {image: 'redis:8-alpine'}}")
    with Stack(folder, engine) as stack:
        stack.scale("redis", 2)
        ids = docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={stack.name}")
        names = docker("inspect", "--format", "{{range .Mounts}}{{.Name}} {{end}}", *ids)
        assert len(names) == 2 and set(names) <= set(docker("volume", "ls", "-q"))
        stack.scale("redis", 1)
        stack.down()
        assert not set(names) & set(docker("volume", "ls", "-q"))


def test_a_volume_below_the_working_directory_outlives_its_replicas(
    engine: str, tmp_path: Path
) -> None:
    """What one replica writes the other reads, and the next run of the service too."""
    options = 'user: "0"\ndeploy: {replicas: 2}'
    folder = one_service(tmp_path / "lab", options)
    file = folder / "compose.yaml"
    text = file.read_text().replace('[".:/lab"]', '[".:/lab", "rows:/lab/data"]')
    file.write_text(text + "\nvolumes:\n  rows:\n")
    read = "print(open('data/rows').read())"
    with Stack(folder, engine) as stack:
        write = "open('data/rows', 'w').write('kept')"
        assert stack.exec("one", ["python", "-c", write]).exit_code == 0
        assert stack.exec("one", ["python", "-c", read], index=2).stdout == "kept\n"
        stack.down()
        stack.up()
        assert stack.exec("one", ["python", "-c", read]).stdout == "kept\n"
    assert not (folder / "data" / "rows").exists()
    assert not (folder / "data").is_symlink()


def test_services_start_in_the_order_of_health(engine: str, tmp_path: Path) -> None:
    """The second service starts after the first one's health check has passed, not before."""
    folder = project(
        tmp_path / "lab",
        """
        x-service: &service
          image: python:3.13-slim
          working_dir: /lab
          volumes: [".:/lab"]
          stop_grace_period: 1s
        services:
          second:
            <<: *service
            command: python service.py
            depends_on: {first: {condition: service_healthy}}
          first:
            <<: *service
            command: python service.py
            healthcheck:
              test: ["CMD", "python", "late.py"]
              interval: 1s
              retries: 20
        """,
    )
    passes = time.time() + 3
    (folder / "late.py").write_text(f"import sys, time; sys.exit(time.time() < {passes})")
    with Stack(folder, engine) as stack:
        until(lambda: "hello" in stack.logs("second"))
        assert float(stack.logs("second").split()[-1]) >= passes
        assert [r.health for r in stack.ps()] == [None, "healthy"]


def test_a_service_that_dies_at_its_start_is_an_error_with_its_last_lines(
    engine: str, tmp_path: Path
) -> None:
    """The error has the exit code, what the service wrote, and where it stands."""
    command = '["sh", "-c", "echo cannot go on >&2; exit 3"]'
    # It waits for health: else one that takes its time to end is up before it dies
    options = 'healthcheck: {test: ["CMD", "false"], interval: 1s, retries: 100}'
    folder = one_service(tmp_path / "lab", options, command)
    with pytest.raises(ServiceError, match="`one` ended with exit code 3") as caught:
        Stack(folder, engine).__enter__()
    assert "cannot go on" in str(caught.value)
    assert "compose.yaml:3" in str(caught.value)


def test_a_command_that_is_not_there_is_an_error(engine: str, tmp_path: Path) -> None:
    """A typing error in the command is named."""
    folder = one_service(tmp_path / "lab", "", "no-such-program")
    with pytest.raises(ServiceError, match="no-such-program"):
        Stack(folder, engine).__enter__()


def test_a_service_that_never_gets_healthy_is_an_error_at_the_deadline(
    engine: str, tmp_path: Path
) -> None:
    """The error shows what the health check said last."""
    options = """
    healthcheck:
      test: ["CMD-SHELL", "echo not yet; exit 1"]
      interval: 1s
      retries: 2
    """
    folder = one_service(tmp_path / "lab", options)
    with pytest.raises(ServiceError, match="`one` is unhealthy") as caught:
        Stack(folder, engine).__enter__()
    assert "not yet" in str(caught.value)


def test_a_deadline_ends_the_wait_for_health(engine: str, tmp_path: Path) -> None:
    """`up` takes as long as it is told, and says what it saw last."""
    options = """
    healthcheck:
      test: ["CMD-SHELL", "echo not yet; exit 1"]
      interval: 1s
      retries: 1000
    """
    stack = Stack(one_service(tmp_path / "lab", options), engine)
    try:
        with pytest.raises(ServiceError, match="`one` is still `starting` after 10 s"):
            stack.up(timeout_s=10)
    finally:
        stack.close()


FLAPS = """
    import pathlib, time
    seen = pathlib.Path("/tmp/seen") if pathlib.Path("/lab").exists() else pathlib.Path("seen")
    if not seen.exists():
        seen.touch()
        raise SystemExit(1)
    time.sleep(600)
"""


def test_a_service_that_dies_once_and_is_restarted_comes_up(engine: str, tmp_path: Path) -> None:
    """A restart policy may be how a service waits for its database."""
    folder = one_service(tmp_path / "lab", "restart: always", "python flaps.py")
    (folder / "flaps.py").write_text(textwrap.dedent(FLAPS))
    with Stack(folder, engine) as stack:
        until(lambda: [(r.state, r.restarts) for r in stack.ps()] == [("running", 1)])


def test_scale_leaves_the_other_services_as_they_are(engine: str, tmp_path: Path) -> None:
    """A killed one stays dead, one that was scaled keeps its number, a done one is not repeated."""
    text = COMPOSE.replace("    depends_on:", "    depends_on:\n      stubborn: {}", 1)
    folder = project(
        tmp_path / "lab", text.replace("stubborn: {}", "stubborn: {condition: service_started}")
    )
    with Stack(folder, engine) as stack:
        until(lambda: [r.exit_code for r in replicas(stack, "once")] == [0])
        stack.scale("stubborn", 3)
        stack.kill("redis")
        stack.scale("shop", 3)
        counts = {name: len(replicas(stack, name)) for name in ("shop", "stubborn", "once")}
        assert counts == {"shop": 3, "stubborn": 3, "once": 1}
        assert [r.state for r in replicas(stack, "redis")] == ["exited"]
        assert stack.logs("once").count("hello") == 1


def test_what_is_not_running_cannot_be_killed(engine: str, tmp_path: Path) -> None:
    """Both ways to end a replica say so, and a kill in the pause before a restart is final."""
    folder = one_service(tmp_path / "lab", "restart: always")
    with Stack(folder, engine) as stack:
        stack.crash("one")
        until(lambda: replicas(stack, "one")[0].restarts == 1)
        until(lambda: replicas(stack, "one")[0].state == "running")
        stack.crash("one")
        with contextlib.suppress(ServiceError):  # Docker may be between two runs at this moment
            stack.kill("one")
        stack.stop("one")
        until(lambda: replicas(stack, "one")[0].state == "exited")
        for end in (stack.kill, stack.crash):
            with pytest.raises(ServiceError, match="`one-1` is not running"):
                end("one")


def test_logs_are_in_the_order_in_which_they_were_written(engine: str, tmp_path: Path) -> None:
    """Standard output and standard error are one log, and `down` ends it."""
    say = "for n in 1 2 3; do echo out $$n; sleep 0.2; echo err $$n >&2; sleep 0.2; done; sleep 600"
    with Stack(one_service(tmp_path / "lab", "", f"sh -c '{say}'"), engine) as stack:
        words = ["out", "1", "err", "1", "out", "2", "err", "2", "out", "3", "err", "3"]
        until(lambda: stack.logs("one").split() == words)
        stack.down()
        stack.up()
        until(lambda: stack.logs("one").split() == words)


def test_a_redis_that_asks_for_a_password_is_healthy(engine: str, tmp_path: Path) -> None:
    """The health check asks whether it lives; whoever uses it needs the password."""
    text = """
    services:
      redis:
        image: redis:8-alpine
        command: redis-server --requirepass secret --bind 0.0.0.0
        healthcheck: {test: ["CMD", "redis-cli", "-a", "secret", "ping"], interval: 1s, retries: 20}
    """
    with Stack(project(tmp_path / "lab", text), engine) as stack:
        assert stack.ps()[0].health == "healthy"
        with pytest.raises(redis.AuthenticationError):
            redis.Redis.from_url(stack.url()).ping()
        if (
            engine == "local"
        ):  # a container's network is its own, that of a process is this machine's
            found = listening(stack.name)
            assert stack.endpoint("redis", 6379) in found
            assert {"127.0.0.1"} == {host for host, _ in found}


def test_a_restart_policy_with_an_end_ends(engine: str, tmp_path: Path) -> None:
    """`on-failure:2` starts the service three times in all."""
    folder = one_service(tmp_path / "lab", "restart: on-failure:2", "python service.py dies")
    stack = Stack(folder, engine)
    try:
        with contextlib.suppress(ServiceError):  # the last death may fall into the start, or not
            stack.up(timeout_s=20)
        until(lambda: [(r.state, r.restarts) for r in stack.ps()] == [("exited", 2)])
        assert stack.logs("one").count("cannot go on") == 3
    finally:
        stack.close()


def test_a_taken_port_is_named_with_its_holder_and_its_cure(engine: str, tmp_path: Path) -> None:
    """The error comes before anything starts."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        options = f'ports: ["127.0.0.1:${{SHOP_PORT:-{port}}}:8000"]'
        stack = Stack(one_service(tmp_path / "lab", options, "python service.py serves"), engine)
        try:
            with pytest.raises(TaskyardError, match=f"port {port} of this machine is taken") as e:
                stack.up()
        finally:
            stack.close()
        assert f"process {os.getpid()}" in str(e.value)
        assert "SHOP_PORT=" in str(e.value)


def test_two_replicas_can_not_publish_one_port(engine: str, tmp_path: Path) -> None:
    """It is refused with the cure, on both engines alike."""
    port = free_port()
    options = f'ports: ["127.0.0.1:{port}:8000"]'
    stack = Stack(one_service(tmp_path / "lab", options, "python service.py serves"), engine)
    try:
        stack.up()
        with pytest.raises(TaskyardError, match=f"`one-2` cannot publish port {port}"):
            stack.scale("one", 2)
        until(lambda: answers(f"http://127.0.0.1:{port}"))
    finally:
        stack.close()


def test_two_replicas_can_not_have_one_name(engine: str, tmp_path: Path) -> None:
    """A fixed name is refused with the cure, on both engines alike; the first replica stays."""
    name = f"taskyard-contract-{os.getpid()}"
    stack = Stack(one_service(tmp_path / "lab", f"container_name: {name}"), engine)
    try:
        stack.up()
        with pytest.raises(TaskyardError, match="`one` cannot have 2 replicas") as caught:
            stack.scale("one", 2)
        assert "hint: remove `container_name`" in str(caught.value)
        assert [replica.name for replica in stack.ps()] == ["one-1"]
    finally:
        stack.close()


def test_two_projects_run_side_by_side(stack: Stack, engine: str, tmp_path: Path) -> None:
    """Each has its own Redis; ending one leaves the other alone."""
    folder = project(tmp_path / "lab", COMPOSE)
    redis.Redis.from_url(stack.url()).set("mine", "first")
    with Stack(folder, engine) as other:
        assert redis.Redis.from_url(other.url()).get("mine") is None
    assert redis.Redis.from_url(stack.url()).get("mine") == b"first"


def test_an_unknown_service_is_an_error_with_the_near_miss(stack: Stack) -> None:
    """A name that is not in the file is never passed on."""
    with pytest.raises(ServiceError, match="no service `redi`") as caught:
        stack.scale("redi", 2)
    assert "did you mean `redis`?" in str(caught.value)


def test_temporary_files_go_with_the_run(engine: str, tmp_path: Path) -> None:
    """What a killed process left in its temporary folder is gone, as with a container."""
    with Stack(one_service(tmp_path / "lab", ""), engine) as stack:
        make = "import tempfile; print(tempfile.mkdtemp(prefix='left-by-a-replica-'))"
        place = stack.exec("one", ["python", "-c", make]).stdout.strip()
        assert "left-by-a-replica-" in place
    assert not Path(place).exists()


def test_a_failure_inside_the_block_leaves_nothing(engine: str, tmp_path: Path) -> None:
    """The stack goes down although the demo failed."""
    folder = one_service(tmp_path / "lab", "")
    with pytest.raises(ZeroDivisionError), Stack(folder, engine) as stack:
        _ = 1 / 0
    assert [] == left_of(stack.name, engine)


HOLDER = """
import sys, time
from pathlib import Path
from taskyard.kit.stack import Stack
stack = Stack(Path(sys.argv[1]), sys.argv[2])
print(stack.name, flush=True)
with stack:
    print("up", flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("moment", ["starting", "up"])
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_a_holder_that_is_killed_leaves_nothing(
    engine: str, name: str, moment: str, tmp_path: Path
) -> None:
    """Whatever ends the holder, and whenever, its run ends with it."""
    folder = project(tmp_path / "lab", COMPOSE)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder), engine],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert holder.stdout is not None
    project_name = holder.stdout.readline().strip()
    if moment == "up":
        assert holder.stdout.readline() == "up\n"
    holder.send_signal(signal.Signals[name])
    holder.wait(timeout=DEADLINE_S)
    until(lambda: not left_of(project_name, engine))


def test_a_killed_supervisor_leaves_nothing_after_close(engine: str, tmp_path: Path) -> None:
    """The holder does the work of a supervisor that somebody killed."""
    stack = Stack(project(tmp_path / "lab", COMPOSE), engine).__enter__()
    for process in psutil.process_iter():
        try:
            if "taskyard.engine.supervisor" in process.cmdline() and stack.name in str(
                process.cmdline()
            ):
                process.kill()
        except psutil.Error:
            continue
    stack.close()
    assert [] == left_of(stack.name, engine)
