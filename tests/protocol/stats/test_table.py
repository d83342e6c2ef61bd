import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.stats.table import RiskTable, Weights, tabulate

TIMES = np.array([10.0, 20.0, 30.0])


def table() -> RiskTable:
    # arm 0: event at 20, two censored at 30; arm 1: events at 10 and 30, one censored at 30.
    return RiskTable(
        events=np.array([[0, 1, 0], [1, 0, 1]]),
        censored=np.array([[0, 0, 2], [0, 0, 1]]),
        times=TIMES,
    )


def test_at_risk_by_hand() -> None:
    assert table().at_risk.tolist() == [[3, 3, 2], [3, 2, 2]]
    assert table().patients.tolist() == [3, 3]
    assert table().pooled().at_risk.tolist() == [6, 5, 4]
    assert table().arm(1).events.tolist() == [1, 0, 1]
    assert table().reversed().events.tolist() == [[0, 0, 2], [0, 0, 1]]


def test_compact_keeps_what_happened() -> None:
    grid = np.arange(40.0)
    wide = RiskTable(np.zeros((2, 40), np.int64), np.zeros((2, 40), np.int64), grid)
    wide.events[:, [10, 20, 30]] = table().events
    wide.censored[:, [10, 20, 30]] = table().censored
    small = wide.compact()
    assert small.times.tolist() == TIMES.tolist()
    assert small.at_risk.tolist() == table().at_risk.tolist()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 60), st.integers(1, 4), st.booleans())
def test_split_equals_pooled(seed: int, patients: int, sites: int, weighted: bool) -> None:
    """However patients are spread over hospitals, the sum of their tables is the same."""
    random = np.random.default_rng(seed)
    cell, arm, event = (random.integers(0, high, patients) for high in (3, 2, 2))
    weight = random.integers(1, 2**20, patients) / 2**10 if weighted else None
    site = random.integers(0, sites, patients)
    pooled = tabulate(TIMES, cell, arm, event, weight)
    parts = [
        tabulate(
            TIMES, cell[here], arm[here], event[here], None if weight is None else weight[here]
        )
        for here in (site == s for s in range(sites))
    ]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    np.testing.assert_array_equal(total.events, pooled.events)
    np.testing.assert_array_equal(total.at_risk, pooled.at_risk)
    np.testing.assert_array_equal(total.weight_events, pooled.weight_events)
    np.testing.assert_array_equal(total.weight_at_risk, pooled.weight_at_risk)
    assert pooled.patients.sum() == patients


def test_weights_by_hand() -> None:
    found = tabulate(
        TIMES,
        cell=np.array([0, 0, 2]),
        arm=np.array([1, 1, 0]),
        event=np.array([1, 1, 0]),
        weight=np.array([0.5, 2.0, 3.0]),
    )
    assert found.weights is not None
    assert found.weights.events.tolist() == [[0, 0, 0], [2.5, 0, 0]]
    assert found.weights.events_squared[1, 0] == 4.25
    assert found.weights.censored_squared[0, 2] == 9.0
    assert found.pooled().weight_at_risk.tolist() == [5.5, 3.0, 3.0]
    assert found.arm(0).weight_at_risk.tolist() == [3.0, 3.0, 3.0]
    swapped = found.reversed().weights
    assert swapped is not None
    assert swapped.events_squared[0, 2] == 9.0


def test_slips_are_named() -> None:
    counts = np.zeros((2, 3), dtype=np.int64)
    with pytest.raises(ValueError, match="shape"):
        RiskTable(counts, counts[:, :2], TIMES)
    with pytest.raises(ValueError, match="ascend"):
        RiskTable(counts, counts, TIMES[::-1])
    with pytest.raises(ValueError, match="two arms"):
        RiskTable(counts[0], counts[0], TIMES)
    with pytest.raises(ValueError, match="grids"):
        table() + RiskTable(counts, counts, TIMES + 1)
    with pytest.raises(ValueError, match="unweighted"):
        table() + RiskTable(counts, counts, TIMES, Weights(*np.zeros((4, 2, 3))))
