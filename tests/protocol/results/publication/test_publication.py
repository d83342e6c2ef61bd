"""What may be published: floors in words, nothing by subtraction, no more for a higher floor."""

import ast
import inspect
import json
import math
from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.report.page import report_html
from coordinator.results import to_json
from protocol.disclosure import rules
from protocol.errors import Exit
from protocol.results.model import Results
from protocol.results.publication import Floors, Withheld, edition, floors, publish
from protocol.results.publication.cells import cells, groups, hide
from protocol.results.publication.curves import survival_curve
from protocol.results.publication.rules import EditionError
from protocol.results.publication.tree import in_steps, nearest, significant
from protocol.results.values.binary import DoublyRobust
from protocol.results.values.estimates import Estimate, Pair
from protocol.results.values.estimates import Test as ChiSquare
from protocol.results.values.patients import (
    BalanceRow,
    Exclusion,
    Missing,
    Summary,
    TableOne,
    TableRow,
)
from protocol.results.values.sensitivity import HospitalAgreement, LeftOutLimits
from protocol.results.values.strata import (
    CommonOdds,
    ScoreStratification,
    ScoreStratum,
    StratifiedSurvival,
    StratumBalance,
)
from protocol.results.values.survival import AdjustedResult, QuantilePoint
from tests.coordinator.examples import binary, competing, imputed, results, survival
from tests.federation.cohorts import small_plan
from tests.protocol.results.publication.studies import curve, exits, in_pairs, studies, table

ALL = settings(max_examples=40, deadline=None)


def leaves(value: object, path: str = "") -> dict[str, object]:
    """List all values of JSON by path, curves and bins aside: a higher floor draws others."""
    if isinstance(value, dict):
        inside = {k: v for k, v in value.items() if k not in ("curves", "overlap", "not_estimable")}
        return {p: x for k, v in inside.items() for p, x in leaves(v, f"{path}.{k}").items()}
    if isinstance(value, list):
        return {p: x for k, v in enumerate(value) for p, x in leaves(v, f"{path}[{k}]").items()}
    return {path: value}


def shown(found: Results, floor: int, at_risk: int = 5) -> dict[str, object]:
    made = publish(found, Floors(floor, at_risk)).results
    hidden = ("not shown", "fewer than")
    said = leaves(to_json(made))
    return {p: x for p, x in said.items() if not (isinstance(x, str) and x.startswith(hidden))}


@ALL
@given(studies(), st.integers(2, 30), st.integers(0, 30))
def test_a_higher_floor_never_shows_more(found: Results, floor: int, more: int) -> None:
    low, high = shown(found, floor), shown(found, floor + more, 5 + more)
    assert high.items() <= low.items()


@ALL
@given(studies(), st.integers(2, 30))
def test_what_is_shown_is_zero_or_large(found: Results, floor: int) -> None:
    made = publish(found, Floors(floor, 5))
    for cell, n in made.shown.items():
        assert cell[0] == "size" or n == 0 or n >= floor


@ALL
@given(studies(), st.integers(2, 30))
def test_nothing_hidden_follows_by_subtraction(found: Results, floor: int) -> None:
    hidden = hide(found, floor, {})
    for group in groups(found):
        unknown = [n for cell, n in group.cells.items() if cell in hidden]
        unknown += [group.rest] if group.rest else []
        rows_hidden = sum(cell in hidden and cell[0] == "excluded" for cell in group.cells) == 1
        alone = len(group.cells) == 1 or sum(n > 0 for n in group.cells.values()) == 1
        assert len(unknown) != 1 or rows_hidden or alone or not (set(group.cells) & hidden.cells)


@given(exits(), st.integers(2, 40))
@ALL
def test_steps_are_of_several_events_and_end_early(arms: list[tuple[int, int]], floor: int) -> None:
    whole = curve(arms)
    made = survival_curve(whole, Floors(floor, 10), hidden=False)
    places = [whole.times.index(time) for time in made.times[:-1]]
    since = 0
    for k in places:
        assert sum(whole.events[since : k + 1]) >= max(5, floor)
        assert whole.at_risk[k] >= 10
        assert made.at_risk[places.index(k)] == whole.at_risk[since]
        since = k + 1
    assert all(isinstance(n, Withheld) for n in (*made.events, *made.censored))
    assert made.times[-1] == math.inf
    assert isinstance(made.survival[-1], Withheld)


@given(exits(), st.integers(2, 40), st.integers(0, 40))
@ALL
def test_a_higher_floor_only_leaves_steps_out(
    arms: list[tuple[int, int]], floor: int, more: int
) -> None:
    whole = curve(arms)
    low = survival_curve(whole, Floors(floor, 5), hidden=False)
    high = survival_curve(whole, Floors(floor + more, 5 + more), hidden=False)
    assert set(zip(high.times[:-1], high.survival, strict=False)) <= set(
        zip(low.times[:-1], low.survival, strict=False)
    )


def test_words_stand_where_small_counts_stood() -> None:
    base = results()
    found = replace(
        base,
        flow=replace(
            base.flow,
            excluded=(Exclusion("Too young", 3), Exclusion("Too old", 9), Exclusion("Other", 20)),
            missing=(Missing("age", "Age", Pair(1, 0)),),
        ),
    )
    made = publish(found).results
    told = [str(one.rows) for one in made.flow.excluded]
    assert told == ["fewer than 5", "not shown", "20"]  # else the 3 were 25 less all others
    assert [str(n) for n in (made.flow.missing[0].patients.comparator, 0)] == ["fewer than 5", "0"]
    alone = replace(found, flow=replace(found.flow, excluded=(Exclusion("Too young", 3),)))
    assert str(publish(alone).results.flow.rows) == "not shown"


def test_an_arm_with_few_events_has_no_estimates() -> None:
    made = publish(replace(results(), survival=(survival(),))).results.survival[0]
    assert (str(made.events.comparator), str(made.events.treated)) == ("fewer than 5",) * 2
    assert made.patients == Pair(10, 8)
    assert str(made.hazard_ratios[0].hazard_ratio) == "not shown"
    assert str(made.landmarks.treated[0].survival) == "not shown"
    assert made.landmarks.treated[0].time == 365
    assert made.not_estimable.startswith("an arm has fewer than 5 patients")
    assert made.curves.treated.times == (math.inf,)


def test_not_knowing_who_was_assessed_hides_counts_and_no_estimate() -> None:
    found = replace(survival(), patients=Pair(40, 30), events=Pair(20, 10), unassessed=Pair(2, 0))
    made = publish(replace(results(), survival=(found,))).results.survival[0]
    assert str(made.unassessed.comparator) == "fewer than 5"
    assert str(made.patients.comparator) == str(made.events.comparator) == "not shown"
    assert (made.patients.treated, made.events.treated) == (30, 10)
    assert made.hazard_ratios[0].hazard_ratio == 0.61


def test_landmarks_with_few_at_risk() -> None:
    found = replace(survival(), patients=Pair(40, 30), events=Pair(20, 10))
    made = publish(replace(results(), survival=(found,)), Floors(5, 7)).results.survival[0]
    assert str(made.landmarks.treated[0].survival) == "not shown"
    assert str(made.landmark_contrasts[0].difference.estimate) == "not shown"


def test_causes_are_reduced_like_endpoints() -> None:
    made = publish(competing()).results.competing
    for cause in made[0].causes:
        assert str(cause.gray.p_value) == "not shown"
        assert cause.curves.treated.times == (math.inf,)


def test_a_count_that_stands_twice_is_hidden_twice() -> None:
    """Two without an event hide how many had one, among the causes of the endpoint as well."""
    full = competing()
    events, n = Pair(58, 40), Pair(60, 60)
    whole = replace(full.survival[0], patients=n, events=events)
    first, *others = full.competing[0].causes
    causes = (replace(first, events=events), *others)
    full = replace(full, survival=(whole,), competing=(replace(full.competing[0], causes=causes),))
    made = publish(full)
    told = made.results.competing[0].causes[0].events
    assert (str(told.comparator), told.treated) == ("not shown", 40)
    assert 58 not in made.shown.values()
    odds = CommonOdds(
        *(whole.endpoint, "OS", whole.population, "hospital", 4, n, events),
        Estimate(0.5, 0.1, 0.4, 0.6, 0.01),
        ChiSquare(4.0, 1, 0.05),
    )
    reduced = publish(replace(full, odds_by_hospital=(odds,))).results.odds_by_hospital[0]
    assert str(reduced.events.comparator) == str(reduced.odds_ratio.estimate) == "not shown"


def test_a_design_that_left_out_a_few_and_is_not_shown() -> None:
    full = results()
    one = replace(full.designs[0], left_out=Pair(2, 0), matched=Pair(8, 8))
    looked, closed = one, replace(one, reason="two groups differ by few patients (rule D)")
    assert publish(replace(full, designs=(looked,))).results.designs == (looked,)
    made = publish(replace(full, designs=(closed,))).results
    assert str(made.designs[0].left_out.comparator) == "not shown"
    assert str(made.designs[0].matched.comparator) == "not shown"
    assert "not shown" in report_html(made, "", ("Hidden.",))


def test_what_rests_on_a_scarce_endpoint_is_hidden_too() -> None:
    """Agreement, imputed estimates and strata of an endpoint with few events in an arm."""
    base = survival()
    hr, point = base.hazard_ratios[0], base.landmarks
    agree = HospitalAgreement(
        "os", "OS", "matched", 5, hr, hr, ChiSquare(1.0, 4, 0.9), 0.1, 0.2, None
    )
    agree = replace(agree, left_out=LeftOutLimits(0.5, 0.7, 0))
    inside = StratifiedSurvival(
        *("os", "OS", Pair(20, 20), Pair(10, 2), base.log_rank[0], (hr,), point, "")
    )
    strata = (ScoreStratum(-math.inf, 0.0, Pair(9, 9)), ScoreStratum(0.0, math.inf, Pair(9, 2)))
    balanced = (StratumBalance("age", "Age", (0.1, 0.2)),)
    odds = CommonOdds(
        *("os", "OS", "complete", "score", 2, Pair(20, 20), Pair(10, 2)),
        Estimate(0.5, 0.1, 0.4, 0.6, 0.01),
        ChiSquare(4.0, 1, 0.05),
    )
    within = ScoreStratification("Strata", strata, balanced, (inside,), (odds,))
    full = replace(
        imputed(), survival=(base,), agreement=(agree,), stratification=within, adjusted=()
    )
    made = publish(full).results
    told = [
        made.agreement[0].fixed.hazard_ratio if made.agreement[0].fixed else 0.0,
        made.stratification.survival[0].log_rank.test.p_value if made.stratification else 0.0,
        made.stratification.balance[0].smds[1] if made.stratification else 0.0,
        made.stratification.odds[0].odds_ratio.estimate if made.stratification else 0.0,
        *(e.estimate for e in (made.imputation.estimates if made.imputation else ())),
    ]
    assert {str(one) for one in told} == {"not shown"}
    assert made.agreement[0].left_out is None
    # With enough events everything is there but the hospital that was left out.
    many = replace(base, patients=Pair(40, 30), events=Pair(20, 10))
    shown = publish(replace(full, survival=(many,))).results
    assert shown.agreement[0] == replace(agree, left_out=None)
    assert shown.stratification is not None
    assert str(shown.stratification.strata[1].patients.treated) == "fewer than 5"
    assert str(shown.stratification.strata[0].patients.treated) == "not shown"


def test_an_earlier_edition_is_not_to_be_subtracted() -> None:
    found = replace(survival(), patients=Pair(40, 30), events=Pair(20, 10))
    first = replace(results(), survival=(found,))
    earlier = publish(first).shown
    assert publish(first, None, earlier).hidden == publish(first).hidden
    later = replace(first, survival=(replace(found, events=Pair(22, 10)),))
    made = publish(later, None, earlier)
    assert str(made.results.survival[0].events.comparator) == "not shown"
    assert any("earlier edition" in said for said in made.statement)
    grown = replace(first, flow=replace(first.flow, patients=Pair(14, 8)))
    with pytest.raises(EditionError, match="differs by fewer than 5 patients") as refused:
        publish(grown, None, earlier)
    assert refused.value.exit is Exit.DISCLOSURE


def test_estimates_have_three_digits_and_counts_are_whole() -> None:
    assert significant(0.0123456, 3) == 0.0123
    assert significant(123456.0, 3) == 123000.0
    assert math.isnan(significant(math.nan, 3))
    assert [nearest(n, 5) for n in (0, 2, 3, 7, 8)] == [0, 0, 5, 5, 10]
    rounded = in_steps(results(), 5)
    assert rounded.flow.patients == Pair(10, 10)
    assert rounded.study == results().study


def test_strict_rounds_counts_to_five() -> None:
    card = replace(results().study, profile="strict")
    found = replace(survival(), patients=Pair(43, 31), events=Pair(21, 17))
    made = publish(replace(results(), study=card, survival=(found,)))
    assert made.results.survival[0].patients == Pair(45, 30)
    assert made.results.survival[0].events == Pair(20, 15)
    assert any("multiples of 5" in said for said in made.statement)


def test_floors_are_the_profiles_and_can_only_be_raised() -> None:
    for profile in ("exact", "standard"):
        assert floors(profile).count == rules(small_plan(profile)).published_floor
    assert floors("exact").tightened(8, None) == Floors(8, 5)
    with pytest.raises(EditionError, match="raised, and not lowered"):
        floors("exact").tightened(3, None)
    with pytest.raises(EditionError, match="no profile"):
        floors("loose")


def test_every_part_of_the_results_is_decided_on() -> None:
    """A new field with a default would else be dropped in silence."""
    tree = ast.parse(inspect.getsource(edition._reduced))
    call = next(n for n in ast.walk(tree) if isinstance(n, ast.Call) and n.keywords)
    assert {k.arg for k in call.keywords} == {f.name for f in fields(Results)}


@given(table())
@ALL
def test_shares_do_not_stand_beside_hidden_counts(made: object) -> None:
    found = replace(results(), table_one=(made,))  # type: ignore[arg-type]
    reduced = publish(found).results.table_one[0]
    for row in reduced.rows:
        for side in ("comparator", "treated"):
            one = getattr(row.arms, side)
            if isinstance(one.patients, Withheld):
                assert isinstance(one.share, Withheld)
                assert isinstance(row.smd, Withheld)
    assert json.dumps(to_json(reduced), allow_nan=False)


def test_cells_have_one_name_each() -> None:
    names = [cell for cell, _ in cells(competing())]
    assert len(names) == len(set(names))


def test_a_missing_value_that_stands_twice_is_hidden_twice() -> None:
    """Three of a level and six without one: neither follows from the flow, nor from `counts`."""
    nan = math.nan

    def row(level: str, treated: int) -> TableRow:
        arms = Pair(*(Summary(n, m, *(nan,) * 6) for n, m in ((20, 0), (treated, 6))))
        return TableRow("drug", "Drug", level, "", False, arms, 0.1)

    table = TableOne("complete", Pair(40, 50), (row("old", 41), row("new", 3)))
    full = results()
    patients = Pair(40, 50)
    flow = replace(full.flow, patients=patients, missing=(Missing("drug", "Drug", Pair(0, 6)),))
    made = publish(replace(full, flow=flow, table_one=(table,)))
    assert str(made.results.table_one[0].rows[1].arms.treated.patients) == "fewer than 5"
    assert str(made.results.table_one[0].rows[1].arms.treated.missing) == "not shown"
    assert str(made.results.flow.missing[0].patients.treated) == "not shown"
    assert ("missing", "drug", "treated") not in made.shown


def test_a_level_whose_size_is_hidden_in_table_1_shows_it_in_no_outcome() -> None:
    nan = math.nan

    def row(level: str, n: int) -> TableRow:
        arms = Pair(Summary(n, 0, *(nan,) * 6), Summary(20, 0, *(nan,) * 6))
        return TableRow("stage", "Stage", level, "", False, arms, 0.1)

    rows = tuple(row(level, n) for level, n in (("I", 60), ("II", 40), ("III", 3)))
    table = TableOne("matched", Pair(103, 60), rows)
    whole = replace(survival(), patients=Pair(103, 60), events=Pair(50, 30))
    one = replace(whole, level="stage=I", patients=Pair(60, 20), events=Pair(28, 10))
    two = replace(whole, level="stage=II", patients=Pair(40, 20), events=Pair(20, 10))
    harms = [
        replace(binary(), patients=one.patients, events=one.events, level=one.level)
        for one in (whole, one, two)
    ]
    full = replace(results(), survival=(whole, one, two), binary=tuple(harms))
    made = publish(replace(full, table_one=(table,)))
    assert made.results.binary[1].risk.comparator == 0.2
    assert str(made.results.binary[2].risk.comparator) == "not shown"
    assert str(made.results.binary[2].chi_square.statistic) == "not shown"
    told = made.results.survival[2]
    assert str(made.results.table_one[0].rows[1].arms.comparator.patients) == "not shown"
    assert str(told.patients.comparator) == str(told.events.comparator) == "not shown"
    assert told.curves.comparator.times == (math.inf,)
    assert made.results.survival[1].patients.comparator == 60


def test_levels_do_not_tell_how_many_were_not_assessed() -> None:
    """Of six not assessed one is of the first level: the second's five would say so."""
    whole = replace(survival(), patients=Pair(90, 60), events=Pair(45, 30), unassessed=Pair(6, 0))
    one = replace(whole, level="sex=male", patients=Pair(45, 30), events=Pair(22, 15))
    two = replace(one, level="sex=female", events=Pair(23, 15), unassessed=Pair(5, 0))
    one = replace(one, unassessed=Pair(1, 0))
    made = publish(replace(results(), survival=(whole, one, two))).results.survival
    assert str(made[1].unassessed.comparator) == "fewer than 5"
    assert str(made[2].unassessed.comparator) == str(made[2].patients.comparator) == "not shown"


def test_whoever_was_assessed_is_counted_nowhere_else() -> None:
    """Two not assessed follow neither from causes, odds, models and strata, nor from `counts`."""
    full = competing()
    n, events = Pair(58, 60), Pair(30, 20)
    whole = replace(full.survival[1], patients=n, events=events, unassessed=Pair(2, 0))
    hazards = AdjustedResult("os", "OS", 118, 50, (), "")
    odds = CommonOdds(
        *("os", "OS", "matched", "hospital", 4, n, events),
        Estimate(0.5, 0.1, 0.4, 0.6, 0.01),
        ChiSquare(4.0, 1, 0.05),
    )
    inside = StratifiedSurvival(
        *("os", "OS", n, events, whole.log_rank[0], whole.hazard_ratios, whole.landmarks, "")
    )
    within = ScoreStratification("Strata", (), (), (inside,), (replace(odds, strata="score"),))
    causes = tuple(
        replace(
            one,
            events=Pair(20, 20),
            curves=Pair(
                replace(one.curves.comparator, at_risk=(58.0, 30.0, 20.0), events=(6.0, 6.0, 8.0)),
                one.curves.treated,
            ),
        )
        for one in full.competing[1].causes
    )
    full = replace(
        full,
        survival=(whole,),
        competing=(replace(full.competing[1], causes=causes),),
        adjusted=(hazards,),
        odds_by_hospital=(odds,),
        stratification=within,
    )
    made = publish(full)
    found = made.results
    assert found.stratification is not None
    told = [
        found.adjusted[0].patients,
        found.adjusted[0].events,
        *(one.patients.comparator for one in found.odds_by_hospital),
        *(one.events.comparator for one in (*found.odds_by_hospital, *found.stratification.odds)),
        found.stratification.survival[0].patients.comparator,
    ]
    assert {str(one) for one in told} == {"not shown"}
    assert all(c.curves.comparator.times == (math.inf,) for c in found.competing[0].causes)
    assert found.odds_by_hospital[0].odds_ratio.estimate == 0.5
    for cell, count in made.shown.items():
        assert (cell[0], cell[-1], count) != ("outcome", "comparator", 30)
        assert cell[0] != "odds"


def test_a_doubly_robust_estimate_that_stopped_shows_no_counts() -> None:
    none = Estimate(*(math.nan,) * 5)
    stopped = DoublyRobust(
        *("harm", "Harm", Pair(58, 60), Pair(30, 2), Pair("", ""), Pair(none, none), none, none),
        "fewer than 3 patients of an arm were not assessed (rule D)",
    )
    made = publish(replace(results(), doubly_robust=(stopped,))).results.doubly_robust[0]
    told = made.patients.comparator, made.events.treated
    assert {str(one) for one in told} == {"not shown"}
    assert made.stopped == stopped.stopped


def test_pairs_of_a_scarce_endpoint_are_in_no_list_of_counts() -> None:
    """An edition lists the counts that it shows, and no others."""
    whole = replace(survival(), patients=Pair(60, 60), events=Pair(30, 57))
    pairs = in_pairs(whole, (9, 8), (9, 8), by_cell=False)
    made = publish(replace(results(), survival=(whole,), pairs=(pairs,)))
    assert str(made.results.pairs[0].discordant[0].only_treated) == "not shown"
    assert not [cell for cell in made.shown if cell[0] in ("pairs", "first")]


def test_quantiles_end_where_the_curve_ends() -> None:
    """Nine are at risk on day 200 and eight on day 300: what happened later is of fewer."""
    found = replace(survival(), patients=Pair(40, 30), events=Pair(20, 10))
    points = QuantilePoint(0.25, 200.0, 100.0, 400.0), QuantilePoint(0.5, 400.0, 300.0, math.nan)
    found = replace(found, quantiles=Pair(points, ()))
    made = publish(replace(results(), survival=(found,)), Floors(5, 8)).results.survival[0]
    first, second = made.quantiles.comparator
    assert (first.estimate, first.conf_low, str(first.conf_high)) == (200.0, 100.0, "not shown")
    assert (str(second.estimate), second.conf_low) == ("not shown", 300.0)
    assert not isinstance(second.conf_high, Withheld)


def test_no_balance_stands_beside_a_hidden_number_of_missing_values() -> None:
    """Of 200 at a level, the SMD tells of how many: two who miss it leave three of the last."""
    nan = math.nan

    def row(level: str, n: int) -> TableRow:
        arms = Pair(Summary(n, 2, *(nan,) * 6), Summary(50, 0, *(nan,) * 6))
        return TableRow("stage", "Stage", level, "", False, arms, 0.1)

    rows = tuple(row(level, n) for level, n in (("I", 200), ("II", 53), ("III", 3)))
    table = TableOne("complete", Pair(258, 150), rows)
    balance = BalanceRow("complete", "stage=I", "Stage: I", Pair(0.78, 0.33), *(0.1,) * 4)
    made = publish(replace(results(), table_one=(table,), balance=(balance,))).results
    assert made.table_one[0].rows[0].arms.comparator.patients == 200
    told = made.table_one[0].rows[0].smd, made.balance[0].smd, made.balance[0].variance_ratio
    assert {str(one) for one in told} == {"not shown"}
