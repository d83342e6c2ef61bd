"""Order statistics by counting, to the last bit; and fifths of the propensity."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from protocol.cohort import Cohort
from protocol.disclosure import DisclosureError
from protocol.parts.order import c_statistic, order_statistics, type_seven
from protocol.parts.propensity import Scores
from protocol.plan.model import Plan
from protocol.steps.describe import Describe
from protocol.steps.fifths import FIFTHS, Fifth, MarginalMean, Stratified, StratumSizes
from protocol.steps.population import Complete, Filtered
from protocol.steps.value_slices import (
    Logit,
    ValueSlices,
    as_ordered,
    from_ordered,
)
from tests.federation.cohorts import (
    ask,
    clinics,
    cohort,
    pool,
    run_through,
    small_plan,
    spread,
    walk,
)

PLAN = small_plan()
SCORES = walk(PLAN, clinics()).findings.scores


@dataclass(frozen=True)
class Marker:
    """A value for the tests: any double, in the place of the marker."""

    plan: Plan = PLAN
    name: str = "marker"

    def values(self, cohort: Cohort) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
        return cohort.values["marker"], cohort.arm


doubles = st.floats(allow_nan=False, width=64)
patients = st.lists(st.tuples(doubles, st.booleans()), min_size=1, max_size=12)


def hospitals(rows: list[tuple[float, bool]]) -> list[Cohort]:
    parts = [rows[k::3] for k in range(3)]
    return [
        cohort(f"s{k}", [int(t) for _, t in part], marker=[x for x, _ in part])
        for k, part in enumerate(parts)
    ]


@given(st.lists(doubles, min_size=2, max_size=5))
def test_bits_are_in_the_order_of_the_values(values: list[float]) -> None:
    ordered = as_ordered(np.array(values))
    assert [from_ordered(int(k)) for k in ordered] == values
    assert np.argsort(ordered, kind="stable").tolist() == np.argsort(values, kind="stable").tolist()


@settings(max_examples=25, deadline=None)
@given(patients)
def test_order_statistics_are_exact(rows: list[tuple[float, bool]]) -> None:
    """However patients are spread over hospitals, it is the sorted list's own value."""
    values, n = sorted(x for x, _ in rows), len(rows)
    trips, _, found = run_through(order_statistics(Marker(), range(1, n + 1)), hospitals(rows))
    assert list(found) == values
    assert len(trips) == 8
    treated = sorted(x for x, t in rows if t)
    if treated:
        _, _, top = run_through(
            order_statistics(Marker(), [len(treated)], slice(1, 2)), hospitals(rows)
        )
        assert top == (treated[-1],)
    with pytest.raises(ValueError, match="no rank"):
        run_through(order_statistics(Marker(), [n + 1]), hospitals(rows))


@settings(max_examples=25, deadline=None)
@given(patients)
def test_the_c_statistic_counts_every_pair(rows: list[tuple[float, bool]]) -> None:
    _, _, found = run_through(c_statistic(Marker()), hospitals(rows))
    treated, control = [x for x, t in rows if t], [x for x, t in rows if not t]
    assert found.higher == sum(t > c for t in treated for c in control)
    assert found.undecided == sum(t == c for t in treated for c in control)


def test_type_seven_is_rs_default() -> None:
    x = [0.1, 0.5, 0.7, 1.9, 2.0, 3.3, 7.1]
    rows = [(value, False) for value in x]
    shares = [k / 5 for k in range(6)]
    _, _, found = run_through(type_seven(Marker(), shares, 7), hospitals(rows))
    assert found == pytest.approx(np.quantile(x, shares).tolist())
    assert found[1] != pytest.approx(float(np.quantile(x, 0.2, method="weibull")))  # type 6


def test_a_patients_value_is_shown_under_no_profile_with_rules() -> None:
    step = ValueSlices(Marker(small_plan("exact")), "ranks", 0, (0,))
    with pytest.raises(DisclosureError, match="a patient's own value"):
        step.local(cohort("a", [1], marker=[3.0]))


def strata() -> Stratified:
    assert isinstance(SCORES, Scores)
    value = Logit(SCORES.model, SCORES.b)
    shares = [k / FIFTHS for k in range(FIFTHS + 1)]
    _, _, cuts = run_through(type_seven(value, shares, 160), clinics())
    return Stratified(SCORES.model, SCORES.b, cuts[1:-1])


def test_fifths_hold_a_fifth_each_and_everybody_once() -> None:
    found = strata()
    sizes = [ask(Describe(PLAN, Fifth(found, k)), clinics()).patients for k in range(FIFTHS)]
    assert [sum(n) for n in sizes] == [32] * 5
    assert found.number == 5


def test_fifths_are_closed_on_the_right() -> None:
    """A score that is a cut point itself belongs below: R's cut(include.lowest = TRUE)."""
    found = strata()
    (scores, _), site = Logit(found.model, found.b).values(clinics()[0]), clinics()[0]
    exact = Stratified(found.model, found.b, (float(np.sort(scores)[5]),))
    assert (exact.stratum(site) == 0).sum() == 6


def test_marginal_mean_weights_spread_each_arm_as_all_patients() -> None:
    found = strata()
    sizes = tuple(ask(Describe(PLAN, Fifth(found, k)), clinics()).patients for k in range(FIFTHS))
    marginal = MarginalMean(found, sizes)
    for arm in (0, 1):
        by_fifth = np.zeros(FIFTHS)
        for site in clinics():
            own = marginal.weights(site)[found.model.rows(site)]
            there = site.arm[found.model.rows(site)] == arm
            np.add.at(by_fifth, found.stratum(site)[there], own[there])
        assert by_fifth == pytest.approx([32.0] * 5)


def test_stratum_sizes_split() -> None:
    """However patients are spread over hospitals, strata and patterns have the same patients."""
    found, matters = strata(), (Complete(PLAN), Filtered(PLAN, PLAN.populations[0]))
    step = StratumSizes(PLAN, found, matters, (1, 3))
    whole = pool(clinics())
    apart = ask(step, clinics())
    np.testing.assert_array_equal(apart.counts, ask(step, [whole]).counts)
    np.testing.assert_array_equal(apart.counts, ask(step, spread(whole, 7, seed=4)).counts)
    assert apart.sizes == tuple(
        ask(Describe(PLAN, Fifth(found, k)), clinics()).patients for k in range(FIFTHS)
    )
    assert apart.hospitals == (4,) * FIFTHS
    assert ask(step, [whole]).hospitals == (1,) * FIFTHS
