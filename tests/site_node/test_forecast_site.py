"""What is foretold of small cells, from a hospital's own counts."""

from pathlib import Path

import pytest

from protocol.cohort import Cohort, enrol
from protocol.ids import site_id
from protocol.plan.endpoints import Subgroup
from protocol.plan.model import Plan
from protocol.plan.read import read_plan
from riskset.plans import read_builtin
from site_node.data.check import read_extract
from site_node.forecast_site import small_cells

H7 = Path(__file__).parents[2] / "riskset" / "data" / "crlm" / "H7.csv"


@pytest.fixture(scope="module")
def study() -> Plan:
    return read_plan(read_builtin("crlm"), "crlm.toml")


@pytest.fixture(scope="module")
def cohort(study: Plan) -> Cohort:
    """The smallest hospital: four patients upfront, twelve delayed."""
    return enrol(study, site_id("H7"), read_extract(H7, study).extract, bytes(32))


def of_profile(plan: Plan, profile: str) -> Plan:
    disclosure = plan.disclosure.model_copy(update={"profile": profile})
    return plan.model_copy(update={"disclosure": disclosure})


def test_levels_and_events_that_are_small_here(study: Plan, cohort: Cohort) -> None:
    cells = small_cells(study, cohort)
    told = {(cell.what, cell.arm): (cell.count, cell.floor, cell.rule) for cell in cells}
    # No patient of this hospital is untested for RAS, and a level needs one patient in all.
    assert told[("RAS status: unknown", "")] == (0, 1, "S2")
    assert told[("Disease-free survival: events", "Upfront ablation")] == (2, 5, "publication")
    assert ("Disease-free survival: events", "Delayed ablation") not in told
    assert all(cell.count < cell.floor for cell in cells)


def test_a_stricter_profile_asks_for_more(study: Plan, cohort: Cohort) -> None:
    exact = {(cell.what, cell.arm) for cell in small_cells(study, cohort)}
    strict = {cell.rule: cell for cell in small_cells(of_profile(study, "strict"), cohort)}
    assert exact < {
        (cell.what, cell.arm) for cell in small_cells(of_profile(study, "strict"), cohort)
    }
    assert (strict["S1"].arm, strict["S1"].count, strict["S1"].floor) == ("Upfront ablation", 4, 10)
    # `open` has no rules; what nobody has is told all the same.
    assert {cell.count for cell in small_cells(of_profile(study, "open"), cohort)} == {0}


def test_subgroups_are_counted_by_arm(study: Plan, cohort: Cohort) -> None:
    wider = study.model_copy(update={"subgroups": (Subgroup(variable="extrahepatic"),)})
    cells = [cell for cell in small_cells(wider, cohort) if cell.rule == "subgroups"]
    counts = {(cell.what.rsplit(": ", 1)[1], cell.arm): cell.count for cell in cells}
    # Nobody here has disease outside the liver; the twelve delayed patients are enough.
    assert counts == {
        ("0", "Upfront ablation"): 4,
        ("1", "Upfront ablation"): 0,
        ("1", "Delayed ablation"): 0,
    }
    assert {cell.floor for cell in cells} == {10}
