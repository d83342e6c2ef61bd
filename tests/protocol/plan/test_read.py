"""Any text is read as a plan or refused in sentences; nothing else happens."""

import json
import tomllib
from collections.abc import Iterator
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from protocol.errors import ProblemsError
from protocol.plan.digest import canonical
from protocol.plan.model import Plan
from protocol.plan.read import MAX_BYTES, MAX_SHOWN, read_canonical, read_plan
from protocol.plan.sentences import TABLES
from riskset.plans import read_builtin

TEXT = read_builtin("crlm")
DATA = tomllib.loads(TEXT)
PLAN = read_plan(TEXT, "crlm.toml")


def problems(text: str) -> list[str]:
    with pytest.raises(ProblemsError) as caught:
        read_plan(text, "broken")
    assert all(problem.fix for problem in caught.value.problems)
    return [str(problem) for problem in caught.value.problems]


def refused(text: str) -> bool:
    """Tell whether a text is refused; any other error than ours fails the test."""
    try:
        read_plan(text, "fuzz")
    except ProblemsError:
        return True
    return False


def test_json_is_read_as_toml_is() -> None:
    assert read_plan(json.dumps(DATA), "crlm.json") == PLAN


def test_canonical_form_is_read_back() -> None:
    assert read_canonical(canonical(PLAN)) == PLAN


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (canonical(PLAN).replace(b'"program":"1"', b'"program":"0"'), "version 1 of the study"),
        (canonical(PLAN) + b" ", "not the plan's canonical form"),
        (canonical(PLAN).replace(b"[24.0", b"[24"), "not the plan's canonical form"),
        (b"\xff", "is not UTF-8 text"),
        (b"program = '1'", "version 1 of the study"),
        (b'{"program":"1"}', "must be a table"),
    ],
)
def test_other_bytes_are_not_canonical(sent: bytes, said: str) -> None:
    with pytest.raises(ProblemsError, match=said):
        read_canonical(sent)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("version = \n", "line 1: this is no TOML"),
        ("version = 1\n[study]\nid = [1 2]", "line 3: this is no TOML"),
        (TEXT.replace('id = "crlm"', 'id = "crlm"\nid = "x"'), "line 17: this is no TOML"),
        ('version = 1\nid = "', "line 2: this is no TOML"),
        ('{"version":\n1,}', "line 2: this is no JSON"),
        ('{"version": NaN}', "version: must be 1"),
        ('{"version": 1, "version": 1}', "the file: a key stands twice in the same table"),
    ],
)
def test_says_where_a_text_stops_being_one(text: str, line: str) -> None:
    assert problems(text)[0].startswith(line)


@pytest.mark.parametrize(
    "text",
    ["x = " + "[" * 100_000, '{"x":' + "[" * 100_000, "x = " + "9" * 5_000, '{"x":' + "9" * 5_000],
)
def test_survives_what_python_does_not(text: str) -> None:
    said = ["the file: nests too deeply or holds a number with too many digits"]
    assert problems(text) == said


def test_refuses_a_large_file() -> None:
    assert problems("#" * (MAX_BYTES + 1)) == ["the file: is larger than 1 MB; no plan is"]


def test_shows_so_many_problems_and_no_more() -> None:
    keys = "\n".join(f"k{n} = 1" for n in range(MAX_SHOWN + 50))
    assert len(problems(keys)) == MAX_SHOWN


def test_a_half_accent_is_refused() -> None:
    # As one character, the label is right; as letter and accent, it would look the same.
    assert problems(TEXT.replace('label = "Sex"', 'label = "Se\u0301xe"')) == [
        "variables[2] (sex).label: holds a line break, an invisible character, or an accent apart "
        "from its letter"
    ]


def test_a_key_is_shown_safely() -> None:
    assert problems('"\\u001b[2J" = 1\n' + TEXT)[0].startswith("the file: holds a line break")
    assert problems('"a b" = 1\n' + TEXT) == ['"a b": unknown key']


def test_a_missing_table_says_what_it_is_for() -> None:
    with pytest.raises(ProblemsError) as caught:
        read_plan(TEXT.replace("[treatment]", "[treatments]"), "broken")
    missing, unknown = caught.value.problems
    assert (missing.where, missing.fix) == ("treatment", "give this: The two arms.")
    assert str(unknown) == "treatments: unknown key; did you mean 'treatment'?"


def test_every_table_of_the_plan_has_its_sentences() -> None:
    assert set(TABLES.values()) == set(_tables(Plan))


def _tables(kind: object) -> Iterator[type[BaseModel]]:
    """Find the tables that a type of the plan may hold, itself among them."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
        inner = [field.annotation for field in kind.model_fields.values()]
    else:
        inner = list(get_args(kind))
    for part in inner:
        yield from _tables(part)


SCRAPS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(Plan.model_fields)), SCRAPS, st.data())
def test_any_json_is_a_plan_or_is_refused(key: str, scrap: object, draw: st.DataObject) -> None:
    data = json.loads(canonical(PLAN))["plan"]
    data[key] = scrap
    inner = data[draw.draw(st.sampled_from(["variables", "designs", "endpoints"]))]
    if key not in ("variables", "designs", "endpoints"):
        inner[0][draw.draw(st.sampled_from(sorted(inner[0])))] = scrap
    text = json.dumps(data)
    if not refused(text):
        plan = read_plan(text, "fuzz")
        assert read_canonical(canonical(plan)) == plan


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet='[]{}="#.,\n\\ab1-', max_size=40))
def test_any_text_is_refused_in_sentences(text: str) -> None:
    assert problems(text)
