"""Outcomes beyond the comparison of the arms: grids, levels, causes, controls, weighted tests."""

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.grid import MONTHS, grid
from protocol.plan.adjustment import Stratification, Weighting
from protocol.plan.check import check
from protocol.plan.digest import canonical
from protocol.plan.endpoints import Subgroup, TimeToEvent
from protocol.plan.explain import explain
from protocol.plan.model import Plan, Sensitivity
from protocol.results.fold import results
from protocol.results.model import Results
from protocol.results.time_grids import coarsened, wider
from protocol.run import Played, play
from protocol.stats.competing import CauseTable
from protocol.stats.cox import fit
from protocol.stats.gray import GrayParts, gray
from protocol.stats.k_samples import KLogRank, k_log_rank
from protocol.stats.log_rank import log_rank
from protocol.stats.survey import survey_log_rank
from protocol.stats.table import tabulate
from protocol.steps.population import Everybody
from protocol.steps.risk_table import Events, Level, RiskTableStep
from tests.federation.cohorts import ask, clinics, small_plan

SITES = clinics()


def further(profile: str = "open", **values: Any) -> Plan:
    """Let the small plan ask for everything that this module is about."""
    plan = small_plan(profile)
    endpoints = tuple(
        e.model_copy(
            update={"gray_by_hospital": True}
            if isinstance(e, TimeToEvent)
            else {"negative_control": True}
        )
        for e in plan.endpoints
    )
    asked = {
        "endpoints": endpoints,
        "subgroups": (Subgroup(variable="stage", test="trend"),),
        "sensitivity": Sensitivity(time_grid=True),
        "weightings": (Weighting(name="overlap", target="overlap"),),
    }
    return plan.model_copy(update=asked | values)


PLAN = further()
TABLE = RiskTableStep(PLAN, PLAN.survival[0], Everybody())


@cache
def played() -> Played:
    return play(PLAN, SITES, b"f" * 32)


@cache
def found() -> Results:
    return results(played())


def test_keys_stand_in_a_plans_name_only_where_they_are_used() -> None:
    keys = ("gray_by_hospital", "negative_control", "test", "time_grid", "doubly_robust")
    assert not [key for key in keys if f'"{key}"'.encode() in canonical(small_plan())]
    assert b'"negative_control"' in canonical(PLAN)


def test_levels_are_compared_from_the_tables_of_subgroups() -> None:
    here = next(one for one in found().levels if one.population == "all")
    levels = PLAN.variable("stage").levels  # type: ignore[union-attr]
    tables = [
        ask(RiskTableStep(PLAN, PLAN.survival[0], Everybody(), Level("stage", level)), SITES).table
        for level in levels
    ]
    events, censored = (
        np.stack([getattr(table, what) for table in tables]) for what in ("events", "censored")
    )
    both = k_log_rank(events.sum(axis=1), censored.sum(axis=1))
    assert here.levels == levels
    assert here.differ.statistic == pytest.approx(both.test.statistic)
    assert here.differ.df == len(levels) - 1
    arms: list[KLogRank] = [k_log_rank(events[:, arm], censored[:, arm]) for arm in (0, 1)]
    assert here.trend_by_arm is not None
    scores = np.arange(float(len(levels)))
    expected = (arms[0] + arms[1]).trend(scores).statistic
    assert here.trend_by_arm.statistic == pytest.approx(expected)


def test_grays_test_by_hospital_adds_the_hospitals_parts() -> None:
    here = next(one for one in found().competing if one.population == "all")
    total = GrayParts(0.0, 0.0)
    for site in SITES:
        own: Events = ask(TABLE, [site])
        total = total + gray(CauseTable(own.events, own.censored, own.grid.times).compact(), 0)
    assert here.causes[0].gray_by_hospital is not None
    assert here.causes[0].gray_by_hospital.statistic == pytest.approx(total.test.statistic)
    point = here.causes[0].landmarks.treated[0]
    assert point.jackknife_std_error == pytest.approx(point.std_error, rel=0.1)


def test_grays_test_within_strata_of_the_score() -> None:
    plan = further(subgroups=(), stratification=Stratification(strata=2), sensitivity=None)
    run = play(plan, SITES, b"f" * 32)
    here, strata = results(run).stratification, run.findings.strata
    assert here is not None
    assert strata is not None
    total = GrayParts(0.0, 0.0)
    for one in strata.populations:
        own: Events = ask(RiskTableStep(plan, plan.survival[0], one), SITES)
        total = total + gray(CauseTable(own.events, own.censored, own.grid.times).compact(), 0)
    (survival,) = here.survival
    assert [test.cause for test in survival.gray] == [
        PLAN.survival[0].name,
        *PLAN.survival[0].competing,
    ]
    assert survival.gray[0].test.statistic == pytest.approx(total.test.statistic)


def test_weighted_patients_have_the_survey_test_too() -> None:
    here = next(r for r in found().survival if r.population == "overlap" and not r.level)
    assert [one.name for one in here.log_rank] == ["log-rank weighted", "log-rank survey"]
    weighted = played().record.get("risk-table/1", here.endpoint, "overlap", "")
    expected = survey_log_rank(weighted.table)
    survey = here.log_rank[1]
    assert survey.test.statistic == pytest.approx(expected.chi_square)
    assert survey.observed.treated - survey.expected.treated == pytest.approx(expected.score)


def test_a_negative_control_is_named() -> None:
    assert found().negative_controls == tuple(e.name for e in PLAN.binary)
    only = further(endpoints=tuple(e for e in PLAN.endpoints if e.negative_control))
    assert any("no answer" in problem.rule for problem in check(only))


# Coarser grids


def test_coarser_tables_give_what_their_grid_gives() -> None:
    """The month's table under the day's grid is the table of times read by month."""
    here = next(g for g in found().time_grids if g.population == "all")
    assert [one.grid for one in here.grids] == ["as asked", *MONTHS]
    month = grid("month", "day", 60)
    table = ask(TABLE, SITES).table
    days = table.times.astype(np.int64)
    again = tabulate(
        month.times,
        np.repeat(month.cell(days), table.events.sum(axis=0)),
        np.concatenate([np.repeat([0, 1], n) for n in table.events.T]).astype(np.intp),
        np.ones(int(table.events.sum()), dtype=np.intp),
    )
    merged = coarsened(table, ask(TABLE, SITES).grid, month)
    np.testing.assert_array_equal(merged.events, again.events)
    by_month = next(one for one in here.grids if one.grid == "month")
    assert by_month.efron is not None
    assert by_month.efron.log_hr == pytest.approx(fit(merged).log_hr)
    assert by_month.log_rank.statistic == pytest.approx(log_rank(merged).chi_square)


def test_the_grid_as_asked_is_the_result() -> None:
    here = next(g for g in found().time_grids if g.population == "all").grids[0]
    whole = next(r for r in found().survival if r.population == "all" and not r.level)
    assert here.efron is not None
    assert here.efron.log_hr == whole.hazard_ratios[0].log_hr
    assert here.survival.treated == tuple(p.survival for p in whole.landmarks.treated)
    if whole.mean_time is not None:
        assert here.mean_time == whole.mean_time.difference


@settings(max_examples=30)
@given(st.lists(st.integers(0, 2000), min_size=1, max_size=30), st.sampled_from(sorted(MONTHS)))
def test_merging_cells_is_reading_times_on_the_coarse_grid(days: list[int], name: str) -> None:
    """By way of months or straight from days: ends of months are ends of quarters."""
    times = np.array(days)
    fine, coarse = grid("month", "day", 2000), grid(name, "day", 2000)
    if not wider(coarse, fine):
        return
    arm = np.zeros(len(times), dtype=np.intp)
    months = tabulate(fine.times, fine.cell(times), arm, arm)
    straight = tabulate(coarse.times, coarse.cell(times), arm, arm)
    np.testing.assert_array_equal(coarsened(months, fine, coarse).censored, straight.censored)


def test_what_has_nothing_to_stand_on_is_refused() -> None:
    plan = further(
        "standard",
        propensity=None,
        designs=(),
        weightings=(),
        sensitivity=Sensitivity(estimated_scores=True),
        endpoints=tuple(
            e.model_copy(update={"competing": {}, "doubly_robust": True}) for e in PLAN.endpoints
        ),
    )
    said = " ".join(f"{problem.rule} {problem.fix}" for problem in check(plan))
    for told in (
        "no competing one",
        "no covariates for a model of the outcome",
        "no weighted hazard ratio",
        "rule L",
        "the robust errors are given in any case",
    ):
        assert told in said


def test_the_explanation_says_what_is_asked_and_what_leaves() -> None:
    said = "\n".join(line for section in explain(PLAN) for line in section.sentences)
    for told in (
        "Gray's test of each cause is stratified by hospital too",
        "It is a negative control, on which the treatment cannot act",
        "Nothing further leaves.",
        "whether they rise or fall in the levels' order",
    ):
        assert told in said
