"""Every command that a page, a message or a setting names is one that can be typed."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import typer

import riskset.commands
import site_node.approval_cli
import site_node.audit_cli
import site_node.commands
import site_node.node_cli
import site_node.preview_cli
from tests.docs.pages import ROOT

# Whose commands are the node's.
assert site_node.approval_cli
assert site_node.audit_cli
assert site_node.node_cli
assert site_node.preview_cli

PLACES = ("README.md", "docs", "deploy", "protocol", "coordinator", "riskset", "site_node")
KINDS = {".md", ".py", ".toml", ".service", ".html"}
APPS = {
    name: typer.main.get_command(app)
    for name, app in (("riskset", riskset.commands.app), ("riskset-site", site_node.commands.app))
}
NAMED = re.compile(r"[`'\"$] ?(riskset(?:-site)?) ([a-z][a-z-]+)(?: ([a-z][a-z-]+)(?=[ `'\"\n]))?")
"""A command in quotes or behind a prompt; what is only prose has neither."""

SENTENCES = {"riskset-site takes part"}
"""What begins a sentence of a letter, and is no command."""


def files() -> Iterator[Path]:
    for place in PLACES:
        path = ROOT / place
        yield from [path] if path.is_file() else path.rglob("*")


def named(text: str) -> Iterator[tuple[str, ...]]:
    for found in NAMED.finditer(text):
        yield tuple(word for word in found.groups() if word)


def exists(words: tuple[str, ...]) -> bool:
    """Say whether a command is there; a word behind one that has no commands is its argument."""
    command = APPS[words[0]]
    for word in words[1:]:
        if not isinstance(command, click.Group):
            return True
        below = command.get_command(click.Context(command), word)
        if below is None:
            return False
        command = below
    return True


def test_every_command_that_is_named_can_be_typed() -> None:
    seen: dict[tuple[str, ...], Path] = {}
    for path in files():
        if path.suffix in KINDS and path.is_file():
            for words in named(path.read_text(encoding="utf-8")):
                seen.setdefault(words, path)
    assert len(seen) > 40, "the pattern finds commands"
    missing = {" ".join(words): str(path) for words, path in seen.items() if not exists(words)}
    assert not missing.keys() - SENTENCES


@pytest.mark.parametrize("line", ["`riskset plan digest`", "'riskset-site approves'"])
def test_one_that_is_none_is_seen(line: str) -> None:
    (words,) = named(line)
    assert not exists(words)
