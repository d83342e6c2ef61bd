"""A plan's name stands for all it says and for nothing else."""

import copy
import json
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from protocol import PROGRAM_VERSION
from protocol.plan.digest import canonical, plan_digest
from protocol.plan.model import Plan
from protocol.plan.read import read_plan
from protocol.plan.words import handle
from riskset.plans import read_builtin

TEXT = read_builtin("crlm")
DATA = tomllib.loads(TEXT)
PLAN = read_plan(TEXT, "crlm.toml")


def shuffled(value: Any, draw: st.DataObject) -> Any:
    """Put the keys of every table into another order; lists keep theirs."""
    if isinstance(value, dict):
        keys = draw.draw(st.permutations(list(value)))
        return {key: shuffled(value[key], draw) for key in keys}
    return [shuffled(v, draw) for v in value] if isinstance(value, list) else value


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List the paths of all values in a plan."""
    if not isinstance(value, dict | list):
        return [path]
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    return [leaf for key, v in inner for leaf in leaves(v, (*path, key))]


def neighbours(data: Any, path: tuple[Any, ...]) -> Iterator[Plan]:
    """Give one value other values, and yield the plans that still have a plan's shape."""
    data = copy.deepcopy(data)
    here = data
    for key in path[:-1]:
        here = here[key]
    before = here[path[-1]]
    for other in (f"{before}x", "x", "month", "open", "exclude", "log", "ridge", 1, 0.5):
        here[path[-1]] = other
        with suppress(ValidationError):
            if other != before:
                yield Plan.model_validate(data)


@settings(max_examples=10, deadline=None)
@given(st.data())
def test_order_of_keys_does_not_matter(draw: st.DataObject) -> None:
    again = read_plan(json.dumps(shuffled(DATA, draw), indent=1), "shuffled.json")
    assert plan_digest(again) == plan_digest(PLAN)


def test_comments_and_layout_do_not_matter() -> None:
    bare = "\n".join(line.split(" #")[0] for line in TEXT.splitlines() if line[:1] != "#")
    assert plan_digest(read_plan(bare, "bare.toml")) == plan_digest(PLAN)


def test_a_default_written_out_is_the_same_plan() -> None:
    written = TEXT.replace('form = "log"', 'form = "log"\nknots = []')
    assert plan_digest(read_plan(written, "written.toml")) == plan_digest(PLAN)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(leaves(json.loads(canonical(PLAN))["plan"])))
def test_any_value_matters(path: tuple[Any, ...]) -> None:
    others = list(neighbours(json.loads(canonical(PLAN))["plan"], path))
    assume(others)
    assert plan_digest(PLAN) not in map(plan_digest, others)


def test_order_of_entries_matters() -> None:
    turned = PLAN.model_copy(update={"endpoints": PLAN.endpoints[::-1]})
    assert plan_digest(turned) != plan_digest(PLAN)


def test_names_the_program() -> None:
    assert json.loads(canonical(PLAN))["program"] == PROGRAM_VERSION


def test_order_of_competing_causes_does_not_matter() -> None:
    data = json.loads(canonical(PLAN))["plan"]
    ways: list[Plan] = []
    for causes in ({"b": ["0"], "a": ["1"]}, {"a": ["1"], "b": ["0"]}):
        data["endpoints"][0]["competing"] = causes
        ways.append(Plan.model_validate(data))
    # Causes are numbered in their order, so equal names must mean equal orders.
    assert [list(way.survival[0].competing) for way in ways] == [["a", "b"], ["a", "b"]]
    assert plan_digest(ways[0]) == plan_digest(ways[1])


def test_the_seed_study_keeps_its_name() -> None:
    """A new name here means that hospitals have to approve the seed study again."""
    assert handle(plan_digest(PLAN)) == "seat-right-city c25738a5"
