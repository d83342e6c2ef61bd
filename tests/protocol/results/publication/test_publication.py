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
from protocol.results.values.estimates import Estimate, Pair
from protocol.results.values.estimates import Test as ChiSquare
from protocol.results.values.patients import Exclusion, Missing
from protocol.results.values.sensitivity import HospitalAgreement, LeftOutLimits
from protocol.results.values.strata import (
    CommonOdds,
    ScoreStratification,
    ScoreStratum,
    StratifiedSurvival,
    StratumBalance,
)
from tests.coordinator.examples import competing, imputed, results, survival
from tests.federation.cohorts import small_plan
from tests.protocol.results.publication.studies import curve, exits, studies, table

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
