"""What a study costs: a whole one on the seed hospitals, and the table of methods."""

import re
from functools import cache
from pathlib import Path
from typing import get_args

import numpy as np

from protocol.costs import METHODS, OTHER, TABLES, costs, is_step
from protocol.leaves import leaves
from protocol.plan.adjustment import Weighting
from protocol.plan.check import check
from protocol.plan.endpoints import FurtherTest, TimeToEvent
from protocol.plan.model import Plan, Sensitivity
from protocol.secagg.messages import Block
from tests.federation.cohorts import Walked, crlm, small_plan, walk

MOST_TRIPS, MOST_BYTES = 30, 20_000_000
STEPS = Path(__file__).parents[2] / "protocol" / "steps"


@cache
def whole() -> tuple[Plan, Walked]:
    """Ask the seed study for two endpoints by day in six populations, and all beside them."""
    plan, sites = crlm()
    designs = tuple(design.model_copy(update={"pairs": True}) for design in plan.designs)
    targets = ("overlap", "everybody", "treated")
    more = {"further_tests": get_args(FurtherTest), "adjusted": True}
    asked = plan.model_copy(
        update={
            "designs": designs,
            "weightings": tuple(Weighting(name=f"w{t}", target=t) for t in targets),
            "endpoints": tuple(
                e.model_copy(update=more) if isinstance(e, TimeToEvent) else e
                for e in plan.endpoints
            ),
            "sensitivity": Sensitivity(
                heterogeneity=True, common_odds=True, leave_one_out=True, lottery=True
            ),
        }
    )
    return asked, walk(asked, sites)


def test_a_whole_study_stays_within_thirty_trips_and_twenty_megabytes() -> None:
    plan, walked = whole()
    assert not check(plan)
    assert plan.disclosure.profile == "exact"  # days as they are
    assert len(plan.survival) == 2
    assert len(walked.findings.populations) == 6
    assert len(walked.trips) <= MOST_TRIPS
    blocks = [
        Block(1, step.name, step.layout(), b"", lock=not step.layout().fields)
        for trip in walked.trips
        for step in trip
    ]
    assert sum(block.length * block.width // 8 for block in blocks) <= MOST_BYTES


def test_every_step_has_a_method() -> None:
    named = {
        name
        for module in STEPS.glob("*.py")
        for name in re.findall(r'name: ClassVar\[str\] = "([a-z-]+/\d+)"', module.read_text())
    }
    kinds = {name.partition("/")[0] for name in named}
    assert all(map(is_step, named))
    assert not any(map(is_step, ["risk-table", "risk-table/2", "risk-tables/1", ""]))
    assert kinds - set(TABLES) <= METHODS.keys()
    assert METHODS.keys() <= kinds


def test_costs_of_methods_add_up_to_what_leaves() -> None:
    of_methods, leaving = leaves(small_plan("exact"), np.random.default_rng(1))
    assert of_methods.title == "What each method costs"
    assert of_methods.table is not None
    assert leaving.table is not None
    *rows, total = of_methods.table.rows
    assert {row[0] for row in rows} >= {
        "propensity score",
        "lottery of matching",
        "outcomes in 'all'",
    }
    assert OTHER not in {row[0] for row in rows}
    for column in (3, 4):
        parts = [int(row[column].replace(",", "")) for row in rows]
        assert sum(parts) == int(total[column].replace(",", ""))
    assert total[3:] == leaving.table.rows[-1][4:6]


def test_trips_of_a_methods_own_are_those_that_carry_nothing_else() -> None:
    section, _ = leaves(small_plan("exact"), np.random.default_rng(1))
    assert section.table is not None
    trips = {row[0]: row[1:3] for row in section.table.rows}
    assert trips["seal over the extracts"] == ("1", "1")
    assert trips["flow of patients and Table 1"][1] == "1"  # its other trip goes with outcomes
    assert int(trips["propensity score"][0]) > 2


def test_no_release_costs_nothing() -> None:
    table = costs(()).table
    assert table is not None
    assert table.rows == (("everything together", "0", "", "0", "0"),)
