"""What reviewers are told hangs on tests that exist, and on what is really sent."""

import ast
import re
from pathlib import Path

import pytest

from tests.reviewer.__main__ import FLOWS, messages, page

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "reviewer"
PAGES = sorted(DOCS.glob("*.md"))
LINK = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def named(text: str) -> list[tuple[str, str]]:
    return LINK.findall(text)


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.name)
def test_every_test_that_a_page_names_exists(file: Path) -> None:
    for path, name in named(file.read_text(encoding="utf-8")):
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert not name or name in functions, f"{path}::{name}"


def test_every_promise_names_a_test() -> None:
    text = (DOCS / "README.md").read_text(encoding="utf-8")
    table = text.split("## What is promised")[1].split("## What is not promised")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][2:]
    assert len(rows) > 10
    assert all(named(row) for row in rows)


def test_every_message_says_who_learns_from_it() -> None:
    names = {message.name for message in messages()}
    assert names == set(FLOWS)


def test_the_data_flow_is_what_is_sent() -> None:
    assert (DOCS / "data-flow.md").read_text(encoding="utf-8") == page()


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.name)
def test_pages_link_to_pages_that_are_there(file: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", file.read_text(encoding="utf-8")):
        assert (file.parent / target).exists(), target
