"""Broken extracts, and the very words in which each is refused."""

import csv
import re
from pathlib import Path

import pytest

from protocol.errors import ProblemsError
from protocol.plan.model import Plan
from site_node.data.check import read_extract
from site_node.terminal import error_text

CORPUS = sorted((Path(__file__).parents[2] / "data" / "extracts").glob("*.csv"))


def refusal(path: Path, plan: Plan, block_bytes: int = 1 << 20) -> str:
    with pytest.raises(ProblemsError) as refused:
        read_extract(path, plan, block_bytes=block_bytes)
    return error_text(refused.value).replace(str(path), path.name) + "\n"


def test_the_corpus_is_whole() -> None:
    assert len(CORPUS) >= 35
    assert all(path.with_suffix(".txt").exists() for path in CORPUS)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_refused_in_these_words(path: Path, plan: Plan) -> None:
    assert refusal(path, plan) == path.with_suffix(".txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_size_of_blocks_does_not_change_the_words(path: Path, plan: Plan) -> None:
    assert refusal(path, plan, block_bytes=5) == refusal(path, plan)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_no_value_of_a_record_is_repeated(path: Path, plan: Plan) -> None:
    """Of the words of a record, only those may appear that the plan itself brings."""
    try:
        rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    except (UnicodeDecodeError, csv.Error):
        rows = [["André"]]
    known = plan.model_dump_json() + "line 1 2 3 4 9 10 fields"
    known += path.name + ",".join(rows[0] if path.stem != "no-header" and rows else [])
    values = {cell for row in rows[1:] for cell in row if cell and cell not in known}
    said = refusal(path, plan)
    assert not [value for value in values if re.search(rf"(?<!\w){re.escape(value)}(?!\w)", said)]
