"""Mistakes in a Compose file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

import yaml

from mutation.edit import Edit, numbers_beside, swap, whole_lines

OTHER_VALUE = {
    "service_healthy": ["service_started"],
    "service_started": ["service_healthy"],
    "service_completed_successfully": ["service_started"],
    "true": ["false"],
    "false": ["true"],
    "ro": ["rw"],
}


PATIENCE = ("interval", "timeout", "retries", "start_period", "start_interval")
"""What only says how often and how long a health check asks: any value is as right as another."""


def edits(text: str) -> Iterator[Edit]:
    """Yield every mistake that can be made in a Compose file by one rule at one place."""
    root = yaml.compose(text)
    seen: set[int] = set()
    yield from _node(root, text, seen)


def _node(node: yaml.Node, text: str, seen: set[int]) -> Iterator[Edit]:
    if id(node) in seen:  # an alias is the node of its anchor
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        pairs = [
            (key, value)
            for key, value in node.value
            if id(value) not in seen and key.value not in PATIENCE
        ]
        parts = [(key.start_mark.index, value.end_mark.index) for key, value in pairs]
        yield from _dropped(parts, bool(node.flow_style), text, "drop key")
        for _, value in pairs:
            yield from _node(value, text, seen)
    elif isinstance(node, yaml.SequenceNode):
        parts = [(item.start_mark.index, item.end_mark.index) for item in node.value]
        yield from _dropped(parts, bool(node.flow_style), text, "drop element")
        for first, second in pairwise(parts):
            yield swap(text, first, second)
        for item in node.value:
            yield from _node(item, text, seen)
    elif isinstance(node, yaml.ScalarNode):
        yield from _scalar(node, text)


def _dropped(
    parts: list[tuple[int, int]], in_a_row: bool, text: str, operator: str
) -> Iterator[Edit]:
    for number, (start, end) in enumerate(parts):
        if not in_a_row:
            # A block ends where the next thing begins; the blank before that is not its own
            stop = start + len(text[start:end].rstrip())
            yield Edit(operator, *whole_lines(text, start, stop))
        elif number + 1 < len(parts):
            yield Edit(operator, start, parts[number + 1][0])
        else:
            yield Edit(operator, parts[number - 1][1] if number else start, end)


def _scalar(node: yaml.ScalarNode, text: str) -> Iterator[Edit]:
    start, end = node.start_mark.index, node.end_mark.index
    value = text[start:end]
    for found in re.finditer(r"[\w./@:-]+|\$\{[^}]*\}", value):
        word, at = found[0], start + found.start()
        for other in _others(word):
            yield Edit("change value", at, at + len(word), other)
        if len(value.split()) > 1:
            yield Edit("drop word", at, at + len(word))


def _others(word: str) -> list[str]:
    """Return what somebody could have written in place of a word."""
    if word in OTHER_VALUE:
        return OTHER_VALUE[word]
    if re.fullmatch(r"\d+", word):
        return [str(number) for number in numbers_beside(int(word))]
    if quantity := re.fullmatch(r"(.*?)(\d+\.\d+|\d+)([a-zA-Z]*)", word):
        before, number, unit = quantity.groups()
        value = float(number) if "." in number else int(number)
        return [f"{before}{other}{unit}" for other in numbers_beside(value)]
    return [word + "x"]
