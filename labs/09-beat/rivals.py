"""Beats beside the one that should be alone: which there are, and what comes of them."""

from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from typing import Any

from taskyard.compose.model import Project
from taskyard.deadline import DeadlineError, until
from taskyard.kit.requirement import Unmet
from taskyard.kit.stack import Replica, ServiceError, Stack

TALK_S = 10.0
REDIS = ("redis", "valkey")
ALONE = "one beat, in the service `beat`, sends all ticks"


class Rivals:
    """
    The replicas of a stack that send ticks, or that may.

    Args:
        leftovers: The module of that name, which knows where a beat is by its command.
        seen: The `Witness` of the stack.
    """

    def __init__(self, stack: Stack, leftovers: Any, seen: Any) -> None:
        self.stack, self.leftovers, self.seen = stack, leftovers, seen

    def by_command(self) -> list[Replica]:
        """List the replicas whose service is named `beat`, or whose command shows one."""
        names = {service.name for service in self.leftovers.with_beat(self.stack.project)}
        return [replica for replica in self.stack.ps() if replica.service in names]

    def wait_until_all_talk(self) -> None:
        """Give each of several time to send a first tick, or to end; it may do neither."""

        def have_begun() -> bool:
            hosts = hosts_of(self.seen.senders())
            return all(
                replica.hostname in hosts
                or replica.exit_code is not None
                or "already running" in self.stack.logs(replica.service, replica.index)
                for replica in self.by_command()
            )

        if len(self.by_command()) > 1:
            with suppress(DeadlineError):
                until(have_begun, "each beat to send", TALK_S)

    def blame(self, early: Collection[str]) -> Unmet | None:
        """Say what is wrong with who has sent the ticks that are not early; None if nothing is."""
        sent = self.seen.senders(early)
        hosts, running = hosts_of(sent), self.stack.ps()
        could = {replica.name for replica in self.by_command()}
        found = [one for one in running if one.hostname in hosts or one.name in could]
        both = [one for one in found if one.hostname in self.seen.hosts()]
        if both:
            return unlike(
                f"{said_who(sent)}; in {named(both)}, a worker answers as well",
                f"compose.yaml, {both[0].service}: `-B` puts a beat into every replica of the "
                "worker. The service that sends is `beat`, and it runs no tasks",
            )
        if len(found) > 1:
            return self._several(sent, found)
        if any(one.service != "beat" for one in found):
            return unlike(
                said_who(sent),
                f"compose.yaml, {found[0].service}: the service that sends is named `beat`",
            )
        idle = self._idle(running)
        return idle and unlike(
            f"{said_who(sent)}. {named(idle)} runs as well, and is neither Redis nor a worker "
            "that answers",
            f"compose.yaml, {idle[0].service}: what does this service wait for? A second beat, "
            "however late it begins, sends each tick once more",
        )

    def _several(self, sent: Counter[str], found: list[Replica]) -> Unmet:
        hosts, services = hosts_of(sent), sorted({replica.service for replica in found})
        saw = said_who(sent)
        for one in found:
            if one.hostname not in hosts:
                last = self.stack.last_line(one.service, one.index)
                saw += f". {one.name} has sent none; its log ends with: {last}"
        if len(services) > 1:
            listed = " and ".join(services)
            look_at = f"compose.yaml, {listed}: each of them sends the whole schedule. Which is "
            return unlike(saw, look_at + "too many?")
        if not has_pid_file(self.stack.project, self.leftovers):
            return one_of_several(saw)
        refused = [one for one in found if one.exit_code == self.leftovers.REFUSED]
        if refused:
            saw = f"{named(refused)} ended with {self.leftovers.REFUSED}, because here both are "
            saw += "processes of one machine; two containers would both send"
        return guarded_by_pid_file(saw)

    def _idle(self, running: list[Replica]) -> list[Replica]:
        """Find replicas that live, and do nothing that anybody knows of."""
        known = {"beat", *(one.service for one in self.stack.worker_replicas())}
        services = self.stack.project.services
        return [
            one
            for one in running
            if one.service not in known
            and one.exit_code is None
            and not (services[one.service].image or "").rpartition("/")[2].startswith(REDIS)
        ]


def hosts_of(sent: Collection[str]) -> set[str]:
    return {name.partition("@")[2] for name in sent}


def said_who(sent: Counter[str]) -> str:
    return f"{sent.total()} ticks, sent by {' and by '.join(sorted(sent)) or 'nobody'}"


def named(replicas: Collection[Replica]) -> str:
    return " and ".join(f"`{replica.name}`" for replica in replicas)


def unlike(saw: str, look_at: str) -> Unmet:
    did = "counted the ticks that came while no worker took any, and read who sent them"
    return Unmet(did=did, saw=saw, expected=ALONE, look_at=look_at)


def one_of_several(saw: str) -> Unmet:
    """Say why several replicas of beat are too many."""
    return unlike(
        saw,
        "compose.yaml, beat: how many beats run, and is each of them needed? "
        "Each has a schedule of its own, and sends on its own",
    )


def guarded_by_pid_file(saw: str) -> Unmet:
    """Say why a pid file is no guard between containers, whichever engine shows it."""
    return unlike(
        f"more than one beat, and a pid file to keep the second out. {saw}",
        "compose.yaml, beat: a pid file holds the number of a process, and each container counts "
        "its processes from 1. Between two containers it guards nothing",
    )


def blame_start(project: Project, leftovers: Any, error: ServiceError) -> Unmet | None:
    """Say why a stack did not come up, if several beats are why."""
    if sum(service.replicas for service in leftovers.with_beat(project)) < 2:
        return None
    if has_pid_file(project, leftovers):
        return guarded_by_pid_file(f"One of them ended: {error}")
    return one_of_several(str(error))  # two that write one file at a time can tear it apart


def has_pid_file(project: Project, leftovers: Any) -> bool:
    """Tell whether a beat is told to write a pid file."""
    services = leftovers.with_beat(project)
    return any(leftovers.option(project, one, "--pidfile") for one in services)
