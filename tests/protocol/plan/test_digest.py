"""A plan's name stands for all it says and for nothing else."""

import json
import tomllib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import PROGRAM_VERSION
from protocol.plan.digest import canonical, plan_digest
from protocol.plan.model import Plan
from protocol.plan.read import read_plan
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
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    if isinstance(value, dict | list):
        return [leaf for key, v in inner for leaf in leaves(v, (*path, key))]
    return [path]


def changed(value: Any) -> Any:
    match value:
        case str():
            return value + "x"
        case None:
            return "x"
        case _:
            return value + 1


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


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(leaves(json.loads(canonical(PLAN))["plan"])))
def test_any_value_matters(path: tuple[Any, ...]) -> None:
    data = json.loads(canonical(PLAN))
    here = data["plan"]
    for key in path[:-1]:
        here = here[key]
    here[path[-1]] = changed(here[path[-1]])
    other = PLAN.model_construct(**data["plan"])
    assert plan_digest(other) != plan_digest(PLAN)


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
