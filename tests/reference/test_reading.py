"""How times, values and counts of a case are read, apart from any study."""

from typing import Any

import numpy as np
import pytest

from tests.reference.axis import lay_axis
from tests.reference.case import plain, same
from tests.reference.comparisons import quantile
from tests.reference.zeroin import printed_odds_ratio


@pytest.mark.parametrize(("kind", "numpy_name"), [(7, "linear"), (6, "weibull")])
def test_quantiles_from_counts(kind: int, numpy_name: Any) -> None:
    draw = np.random.default_rng(2)
    for n in range(1, 40):
        x = draw.integers(0, 12, n)
        counts = np.bincount(x, minlength=12)
        for p in (0.25, 0.5, 0.75):
            got = quantile(tuple(range(12)), counts, p, kind)
            assert got == pytest.approx(np.quantile(x, p, method=numpy_name))


def test_times_are_counted_in_whole_units() -> None:
    assert lay_axis(["3", "40"]).times.tolist() == list(range(41))
    tenths = lay_axis(["0.7", "12", "1.50"])
    assert (tenths.decimals, tenths.last, tenths.whole("0.7")) == (1, 120, 7)
    texts = [repr(day / 30.4375) for day in (5, 7, 7, 1000)]
    listed = lay_axis(texts)
    assert [listed.times[listed.whole(text)] for text in texts] == [float(text) for text in texts]
    assert lay_axis(["1.000000001", "1", "2.123456789012"]).listed == (1.0, 2.123456789012)
    assert lay_axis([]).last == 1


def test_values_are_compared_as_numbers_if_both_are() -> None:
    assert same("1.0", 1)
    assert same("1", True)
    assert same("old", ["old", "none"])
    assert not same("", 0)
    assert not same("one", 1)
    assert [plain(value) for value in (7, "7.0", "07", "a7", 0.5)] == ["7", "7", "7", "a7", "0.5"]


def test_odds_ratio_at_the_ends() -> None:
    """Without an event in an arm the estimate is at an end, as R prints it."""
    assert printed_odds_ratio((3, 0), (10, 10))[:2] == (0.0, 0.0)
    estimate, lower, upper = printed_odds_ratio((0, 3), (10, 10))
    assert (estimate, upper) == (np.inf, np.inf)
    assert 0 < lower < 1
    assert printed_odds_ratio((5, 5), (10, 10))[0] == 1.0
