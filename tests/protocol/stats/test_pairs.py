import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from protocol.stats.cox import CoxTerms, NotEstimable, Ties, terms
from protocol.stats.log_rank import LogRank, log_rank
from protocol.stats.pairs import (
    EventCell,
    McNemar,
    PairedTimes,
    expected_mcnemar,
    upper_p_values,
)
from protocol.stats.table import RiskTable


def test_mcnemar_by_hand() -> None:
    # 18 pairs with the treated's event alone, 31 with the comparator's: 13^2/49, 12^2/49.
    test = McNemar(18, 31)
    assert test.plain.statistic == pytest.approx(169 / 49)
    assert test.corrected.statistic == pytest.approx(144 / 49)
    assert test.exact_p == pytest.approx(stats.binomtest(18, 49).pvalue)
    assert McNemar(5, 5).corrected.statistic == 0  # R corrects only where there is a difference
    assert McNemar(5, 5).exact_p == 1


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 30), st.integers(0, 30), st.sampled_from([1.0, 1.5, 2.0, 4.0]))
def test_rosenbaum_bound(treated: int, control: int, gamma: float) -> None:
    test = McNemar(treated, control)
    share, most = gamma / (1 + gamma), max(treated, control)
    wanted = stats.binom.sf(most - 1, treated + control, share)
    assert test.upper_p(gamma) == pytest.approx(wanted)
    assert list(upper_p_values(test)) == sorted(upper_p_values(test))  # more bias, less evidence


def test_no_discordant_pair_tells_nothing() -> None:
    nobody = McNemar(0, 0)
    assert math.isnan(nobody.plain.p_value)
    assert math.isnan(nobody.corrected.p_value)
    assert (nobody.exact_p, nobody.upper_p(2.0)) == (1, 1)


def counted(pairs: list[tuple[int, int, bool, bool]]) -> tuple[PairedTimes, list[RiskTable]]:
    """Count pairs (days and events of the treated and the comparator), and lay out each."""
    kinds, alone, tables = [0, 0, 0], [0, 0], []
    for t1, t0, d1, d0 in pairs:
        if d1 and d0 and t1 == t0:
            kinds[2] += 1
        else:
            kinds[0] += d1 and t0 >= t1
            alone[1] += d1 and t0 < t1
            kinds[1] += d0 and t1 >= t0
            alone[0] += d0 and t1 < t0
        events, censored = np.zeros((2, 9), dtype=np.int64), np.zeros((2, 9), dtype=np.int64)
        (events if d1 else censored)[1, t1] = 1
        (events if d0 else censored)[0, t0] = 1
        tables.append(RiskTable(events, censored, np.arange(9.0)))
    return PairedTimes(len(pairs), kinds[0], kinds[1], kinds[2], (alone[0], alone[1])), tables


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8), st.booleans(), st.booleans())),
    st.floats(-2, 2),
    st.sampled_from(list(Ties)),
)
def test_a_pair_is_a_stratum_of_two(
    pairs: list[tuple[int, int, bool, bool]], b: float, ties: Ties
) -> None:
    """Counts say all: test and likelihood are those of the strata's tables, added."""
    found, tables = counted(pairs)
    test, likelihood = LogRank((0.0, 0.0), (0.0, 0.0), 0.0), CoxTerms(0.0, 0.0, 0.0)
    for table in tables:
        test, likelihood = test + log_rank(table), likelihood + terms(table, b, ties)
    assert found.log_rank.observed == pytest.approx(test.observed)
    assert found.log_rank.expected == pytest.approx(test.expected)
    assert found.log_rank.variance == pytest.approx(test.variance)
    own = found.terms(b, ties)
    assert own.log_likelihood == pytest.approx(likelihood.log_likelihood, abs=1e-9)
    assert (own.score, own.information) == pytest.approx(
        (likelihood.score, likelihood.information), abs=1e-9
    )
    assert found.events == sum(int(table.events.sum()) for table in tables)


def test_within_pairs_the_hazard_ratio_is_a_ratio_of_counts() -> None:
    times = PairedTimes(pairs=100, treated_first=26, control_first=51, together=0, alone=(20, 33))
    found = times.fit()
    assert found.log_hr == pytest.approx(math.log(26 / 51))
    assert found.terms.information == pytest.approx(26 * 51 / 77)
    with pytest.raises(NotEstimable, match="one arm only"):
        PairedTimes(10, 0, 4, 0, (0, 0)).fit()


def test_expected_pairs_by_hand() -> None:
    # 3 pairs, 2 events among the treated, 1 among the comparators. Of the 3 partners of the
    # comparator with the event, 2 have it too: E = 2 (2/3), 1 (1/3); together 1 pair with 2/3.
    found = expected_mcnemar([EventCell((2, 1), (1, 2), 3)])
    assert (found.only_treated, found.only_control) == pytest.approx((4 / 3, 1 / 3))
    # Both-event pairs: 1 with chance 2/3, else 0. Discordant pairs: 3 - 2 x that.
    assert found.spread == pytest.approx(2 * math.sqrt(2 / 9))


def test_expected_pairs_are_the_mean_over_all_pairings() -> None:
    treated, control = (1, 1, 0, 0), (1, 0, 0, 1)
    both = [
        sum(t and c for t, c in zip(treated, order, strict=True)) for order in permutations(control)
    ]
    found = expected_mcnemar([EventCell((2, 2), (2, 2), 4)])
    discordant = np.array([4 - 2 * n for n in both])
    assert found.discordant == pytest.approx(discordant.mean())
    assert found.spread == pytest.approx(discordant.std())


def test_cells_of_one_pair_are_known_pairs() -> None:
    cells = [EventCell((1, 0), (0, 1), 1)] * 7 + [EventCell((0, 1), (1, 0), 1)] * 2
    assert expected_mcnemar(cells) == McNemar(7, 2)


def test_a_partner_of_unknown_outcome_makes_no_discordant_pair() -> None:
    found = expected_mcnemar([EventCell((2, 0), (0, 1), 2)])
    assert (found.only_treated, found.only_control) == (1, 0)


def test_tails_of_expected_pairs_lie_between_those_of_whole_ones() -> None:
    tails = [McNemar(b, 4.0).upper_p(1.5) for b in (10, 10.4, 11)]
    assert tails == sorted(tails, reverse=True)
    assert tails[0] == pytest.approx(stats.binom.sf(9, 14, 0.6))
