import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.stats.fisher import fisher_rx2
from protocol.stats.tables import SLACK, chi_square, fisher_p
from tests.protocol.stats.pooled import results


def test_by_hand() -> None:
    # Rows of 2, 1 and 1, two treated. Of 6 ways to choose two: (2,0,0) and (0,1,1) in 1 way each,
    # (1,1,0) and (1,0,1) in 2 each. (2,0,0) is as improbable as (0,1,1): P = 2/6.
    assert fisher_rx2(np.array([[0, 2], [1, 0], [1, 0]])) == pytest.approx(1 / 3)
    assert fisher_rx2(np.array([[1, 1], [0, 1], [1, 0]])) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("case", "name"),
    [
        (case, name.removesuffix(".categorical"))
        for case in ("crlm", "gbsg", "veteran")
        for name in results(case, "tests")
        if name.endswith(".categorical")
    ],
)
def test_as_r_finds(case: str, name: str) -> None:
    reference = results(case, "tests")
    counts = reference[f"{name}.table"]["value"]
    wanted = reference[f"{name}.categorical"]["value"]["fisher_p"]
    found = fisher_rx2(np.array([counts["arm0"], counts["arm1"]]).T)
    assert found == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize(
    "cells",
    [[[0, 0], [0, 0]], [[3, 4], [0, 0]], [[3, 0], [2, 0], [1, 0]], [[0, 3], [0, 2]]],
    ids=["nobody", "one level", "no treated", "no comparator"],
)
def test_one_possible_table(cells: list[list[int]]) -> None:
    assert fisher_rx2(np.array(cells)) == 1.0


def test_beyond_reach_is_no_number() -> None:
    assert math.isnan(fisher_rx2(np.full((4, 2), 1000)))
    # Eight levels of 20 have some 10^9 tables, and are within reach.
    assert fisher_rx2(np.full((8, 2), 10)) == pytest.approx(1.0)


def test_large_levels_do_not_overflow() -> None:
    cells = np.array([[4000, 300], [2000, 180], [150, 20]])
    assert fisher_rx2(cells) == pytest.approx(chi_square(cells).p_value, rel=0.15)
    assert fisher_rx2(cells[:2]) == pytest.approx(fisher_p((300, 180), (4300, 2180)), rel=1e-6)


tables = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=4)


@settings(max_examples=60, deadline=None)
@given(tables)
def test_as_by_listing_all_tables(cells: list[tuple[int, int]]) -> None:
    sizes, treated = [sum(row) for row in cells], sum(row[1] for row in cells)
    ways = [
        math.prod(math.comb(n, x) for n, x in zip(sizes, taken, strict=True))
        for taken in itertools.product(*(range(n + 1) for n in sizes))
        if sum(taken) == treated
    ]
    observed = math.prod(math.comb(n, row[1]) for n, row in zip(sizes, cells, strict=True))
    wanted = sum(w for w in ways if w <= observed * (1 + SLACK)) / sum(ways)
    assert fisher_rx2(np.array(cells)) == pytest.approx(wanted, rel=1e-10)


@settings(max_examples=40, deadline=None)
@given(st.tuples(*[st.integers(0, 40)] * 4))
def test_two_levels_are_the_usual_test(cells: tuple[int, int, int, int]) -> None:
    a, b, c, d = cells
    assert fisher_rx2(np.array([[a, b], [c, d]])) == pytest.approx(
        fisher_p((c, d), (a + c, b + d)), rel=1e-9
    )
