"""The table of attacks holds: its tests exist, nodes take part, and nothing is without a row."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.federation.hostile.attacks import ATTACKS, LIES, THREATS

TESTS = Path(__file__).parents[2]
HOSTILE = "federation/hostile"

PLAYS_NODES = (
    "tests.coordinator.carriers",
    "tests.federation.carriers",
    "tests.federation.centre",
    "tests.federation.crash",
    "tests.federation.flower",
    "tests.federation.network",
    "tests.site_node",
)
"""Modules that found hospitals whose nodes run, in this process or in their own."""

ABOUT_THE_CODE = {"test_no_code.py", "test_tags.py", "test_table.py"}
"""Files that read the code instead of attacking a node."""


@cache
def named_in(folder: str) -> dict[str, list[Path]]:
    """Find the tests under a folder: the files that have one of that name."""
    found = dict[str, list[Path]]()
    for path in sorted((TESTS / folder).rglob("test_*.py")):
        for name in _tests(ast.parse(path.read_text(encoding="utf-8"))):
            found.setdefault(name, []).append(path)
    return found


def _tests(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node.name


def files_of(place: str) -> list[Path]:
    folder, name = place.split("::")
    return named_in(folder).get(name, [])


def plays_nodes(path: Path) -> bool:
    imports = re.findall(r"^from ([\w.]+) import", path.read_text(encoding="utf-8"), re.M)
    return any(name.startswith(PLAYS_NODES) for name in imports)


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_tests_of_an_attack_exist(attack: str) -> None:
    missing = [place for place in ATTACKS[attack].tests if not files_of(place)]
    assert missing == []


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_mounted_against_nodes_or_says_why_not(attack: str) -> None:
    row = ATTACKS[attack]
    at_nodes = any(plays_nodes(path) for place in row.tests for path in files_of(place))
    assert at_nodes is not bool(row.no_node)


def test_every_threat_every_lie_and_every_clause_has_a_row() -> None:
    rows = ATTACKS.values()
    assert {number for row in rows for number in row.threats} == THREATS.keys()
    assert {number for row in rows for number in row.lies} == LIES.keys()
    spec = (TESTS.parent / "protocol/SPEC.md").read_text(encoding="utf-8")
    clauses = set(re.findall(r"^\| (13\.\d+) \|", spec, re.M))
    assert {clause for row in rows for clause in row.clauses} == clauses


def test_every_hostile_test_is_in_the_table() -> None:
    """Else the table would tell less than is tested."""
    told = {place for row in ATTACKS.values() for place in row.tests}
    ours = {
        f"{HOSTILE}::{name}"
        for name, paths in named_in(HOSTILE).items()
        if not {path.name for path in paths} <= ABOUT_THE_CODE
    }
    assert ours <= told


def test_the_table_would_see_a_test_that_is_gone() -> None:
    assert files_of(f"{HOSTILE}::test_that_is_gone") == []
    assert files_of("site_node::test_every_hostile_test_is_in_the_table") == []
    assert files_of(f"{HOSTILE}::test_every_hostile_test_is_in_the_table")
