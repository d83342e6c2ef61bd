"""Pairs, lotteries and interactions as they may be published: what rests on a few is hidden."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.results.model import Results
from protocol.results.publication import Floors, Withheld, publish
from protocol.results.publication.pair_cells import first_cells
from protocol.results.values.estimates import Pair
from protocol.results.values.strata import Interaction
from protocol.results.values.survival import SurvivalResult
from tests.coordinator.examples import results, survival
from tests.protocol.results.publication.studies import curve, in_pairs, studies, with_levels


def large() -> SurvivalResult:
    """Sixty a side: thirty with an event within a year, thirty without."""
    arm = curve([(1, 0)] * 30 + [(0, 1)] * 30)
    return replace(survival(), patients=Pair(60, 60), events=Pair(30, 30), curves=Pair(arm, arm))


def published(
    apart: tuple[int, int], first: tuple[int, int] = (20, 20), *, by_cell: bool = False
) -> Results:
    whole = large()
    found = replace(results(), survival=(whole,))
    return publish(replace(found, pairs=(in_pairs(whole, apart, first, by_cell=by_cell),))).results


@pytest.mark.parametrize("by_cell", [False, True])
def test_enough_of_each_are_shown_with_their_tests(by_cell: bool) -> None:
    (one,) = published((12, 12), by_cell=by_cell).pairs
    half = 0.5 if by_cell else 0.0
    shown = one.discordant[0]
    assert (shown.only_treated, shown.only_comparator) == (12 + half, 12 + half)
    assert shown.exact_p == 0.5
    assert shown.bounds[0].p_value == 0.4
    assert one.pairs == 60


@pytest.mark.parametrize(
    "apart",
    [
        (3, 12),  # few of the treated alone
        (12, 3),  # few of the comparators alone
        (27, 20),  # of 30 events of the treated 3 are of both partners
        (28, 0),  # the same, with none of the other kind
        (9, 27),  # 60 - 9 - 27 - 21 leaves 3 pairs with no event
    ],
)
def test_a_small_count_hides_all_of_them_and_every_test(apart: tuple[int, int]) -> None:
    one = published(apart).pairs[0].discordant[0]
    told = (one.only_treated, one.only_comparator, one.mcnemar.p_value, one.corrected.statistic)
    assert {str(n) for n in (*told, one.exact_p, one.bounds[0].p_value)} == {"not shown"}
    assert (one.time, one.bounds[0].gamma) == (365, 1.25)


def test_no_count_of_pairs_is_told_to_later_editions_but_shown_ones() -> None:
    whole = large()
    for apart, there in (((12, 12), True), ((3, 12), False)):
        found = replace(results(), survival=(whole,))
        made = publish(replace(found, pairs=(in_pairs(whole, apart, (20, 20), by_cell=False),)))
        names = {cell[:2] for cell in made.shown}
        assert (("pairs", "treated") in names) is there
        assert not {("pairs", "both"), ("pairs", "neither"), ("first", "others")} & names


@pytest.mark.parametrize("first", [(3, 20), (20, 3), (1, 0)])
def test_ratios_within_pairs_are_ratios_of_counts(first: tuple[int, int]) -> None:
    """The ratio by pair is one count over the other, so it is hidden with either."""
    (one,) = published((12, 12), first).pairs
    assert one.hazard_ratio is not None
    assert one.log_rank is not None
    assert str(one.hazard_ratio.hazard_ratio) == str(one.log_rank.variance) == "not shown"
    assert published((12, 12)).pairs[0].hazard_ratio == survival().hazard_ratios[0]


@given(st.integers(0, 500), st.integers(0, 500))
@settings(max_examples=30, deadline=None)
def test_counts_follow_from_the_test_by_pair(treated: int, comparator: int) -> None:
    """So whoever shows the test shows them: here they are worked out as a reader would."""
    found = in_pairs(large(), (0, 0), (treated, comparator), by_cell=False)
    counted = {cell[1]: n for cell, n in first_cells(found).items() if cell[1] != "others"}
    assert counted == {"treated": treated, "comparator": comparator}


def test_late_times_are_hidden() -> None:
    whole = large()
    found = replace(results(), survival=(whole,))
    found = replace(found, pairs=(in_pairs(whole, (12, 12), (20, 20), by_cell=False),))
    (one,) = publish(found, Floors(5, 7)).results.pairs  # six are at risk at a year
    assert str(one.discordant[0].only_treated) == "not shown"


def test_a_scarce_endpoint_hides_lotteries_and_interactions_too() -> None:
    scarce = replace(large(), events=Pair(3, 30))
    levels = with_levels(large(), (15, 15))
    names = tuple(one.level for one in levels)
    tested = large().log_rank[0].test
    differ = Interaction("os", "OS", "matched", "sex", names, "arm by level", tested)
    full = replace(results(), survival=(large(), *levels), interactions=(differ,))
    assert publish(full).results.interactions == (differ,)
    small = with_levels(large(), (3, 15))
    for survivals in ((scarce, *levels), (large(), *small)):
        (one,) = publish(replace(full, survival=survivals)).results.interactions
        assert str(one.test.p_value) == "not shown"
        assert one.levels == names


@given(studies(), st.integers(2, 30))
@settings(max_examples=40, deadline=None)
def test_lotteries_are_shown_where_the_ratio_itself_is(found: Results, floor: int) -> None:
    made = publish(found, Floors(floor, 5)).results
    hidden = isinstance(made.survival[0].hazard_ratios[0].hazard_ratio, Withheld)
    (one,) = made.lotteries
    told = (one.hazard_ratio, one.low, one.high, one.std_dev, one.share)
    assert {isinstance(n, Withheld) for n in told} == {hidden}
