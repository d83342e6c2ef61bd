from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from protocol.layout import Field, count, real
from protocol.secagg.encoding import (
    CapacityError,
    EncodingError,
    Words,
    check_capacity,
    decode,
    encode,
)
from protocol.secagg.masks import add

WIDE = 2.0**59
"""A bound that seven sites may have."""

doubles = st.floats(min_value=-WIDE, max_value=WIDE, width=64)
small = st.integers(-(2**60), 2**60).map(lambda units: units / 2**66)


def reals(cells: int, bound: float = WIDE) -> Field:
    return real("x", (cells,), "a number", bound)


def signed(words: Words) -> list[int]:
    data = words.tobytes()
    chunks = [data[k : k + 16] for k in range(0, len(data), 16)]
    return [int.from_bytes(chunk, "little", signed=True) for chunk in chunks]


def from_ints(numbers: list[int]) -> Words:
    data = b"".join((n % 2**128).to_bytes(16, "little") for n in numbers)
    return np.frombuffer(data, dtype=np.uint64)


@given(st.lists(doubles | small, min_size=1, max_size=20))
@settings(max_examples=150, deadline=None)
def test_reals_round_half_even_in_exact_arithmetic(cells: list[float]) -> None:
    words = encode(reals(len(cells)), np.array(cells), 128)
    assert signed(words) == [round(Fraction(cell) * 2**64) for cell in cells]


@given(st.lists(st.integers(-7 * 2**123, 7 * 2**123), min_size=1, max_size=20))
@settings(max_examples=150, deadline=None)
def test_totals_are_the_division_of_python_integers(totals: list[int]) -> None:
    opened = decode(reals(len(totals)), from_ints(totals), 128, sites=7)
    assert opened is not None
    assert opened.tolist() == [total / 2**64 for total in totals]


@given(st.integers(1, 122), st.integers(-3, 3), st.integers(0, 2**11 - 1))
@settings(max_examples=150, deadline=None)
def test_totals_round_to_even_at_every_size(bit: int, near: int, tail: int) -> None:
    """Ties and their neighbours, wherever the leading bit stands."""
    total = (1 << bit) + (1 << max(bit - 53, 0)) * tail + near
    opened = decode(reals(1), from_ints([total]), 128, sites=7)
    assert opened is not None
    assert opened.tolist() == [total / 2**64]


@given(st.lists(st.lists(doubles, min_size=4, max_size=4), min_size=1, max_size=7))
@settings(max_examples=75, deadline=None)
def test_sum_equals_exact_sum_of_rounded_parts(sites: list[list[float]]) -> None:
    total = np.zeros(8, dtype=np.uint64)
    for cells in sites:
        add(total, encode(reals(4), np.array(cells), 128), 128)
    units = [sum(round(Fraction(x) * 2**64) for x in column) for column in zip(*sites, strict=True)]
    opened = decode(reals(4), total, 128, len(sites))
    assert opened is not None
    assert opened.tolist() == [float(Fraction(unit, 2**64)) for unit in units]


def test_a_million_reals_exactly() -> None:
    """Without loss from 2^-11 up, and back to the same doubles."""
    generator = np.random.default_rng(1)
    cells = generator.choice([-1.0, 1.0], 10**6) * 2.0 ** generator.uniform(-11, 58, 10**6)
    field = reals(10**6)
    opened = decode(field, encode(field, cells, 128), 128, 1)
    assert opened is not None
    np.testing.assert_array_equal(opened, cells)


@pytest.mark.parametrize("width", [64, 128])
def test_counts_keep_every_bit(width: int) -> None:
    field = count("events", (3,), "patients", 2**62)
    cells = np.array([0, 2**53 + 1, 2**62])
    opened = decode(field, encode(field, cells, width), width, 1)
    assert opened is not None
    assert opened.dtype == np.int64
    assert opened.tolist() == cells.tolist()


@pytest.mark.parametrize(
    ("bound", "sites", "fits"),
    [
        (2**53 - 1, 1024, True),
        (2**53, 1024, False),
        ((2**63 - 1) // 7, 7, True),
        ((2**63 - 1) // 7 + 1, 7, False),
    ],
)
def test_capacity_of_counts(bound: int, sites: int, *, fits: bool) -> None:
    field = count("events", (1,), "patients", bound)
    assert fits == _fits(field, sites)


@pytest.mark.parametrize(
    ("bound", "sites", "fits"),
    [
        (np.nextafter(2.0**62, 0), 1, True),
        (2.0**62, 1, False),
        (6.5e17, 7, True),
        (6.6e17, 7, False),
        (4.5e15, 1024, True),
        (2.0**52, 1024, False),
        (-1.0, 3, False),
        (float("nan"), 3, False),
    ],
)
def test_capacity_of_reals(bound: float, sites: int, *, fits: bool) -> None:
    assert fits == _fits(reals(1, float(bound)), sites)


@pytest.mark.parametrize(
    "cells",
    [
        np.array([np.nan]),
        np.array([np.inf]),
        np.array([2.0**61]),
        np.array([1.0], dtype=np.longdouble),
        np.array([1 + 0j]),
        np.array(["1"]),
        np.array([True]),
    ],
)
def test_what_is_no_double_is_refused(cells: NDArray[Any]) -> None:
    with pytest.raises(EncodingError):
        encode(reals(1), cells, 128)


def test_messages_hold_no_number_of_the_record() -> None:
    with pytest.raises(EncodingError) as caught:
        encode(count("events", (1,), "patients", 10), np.array([9175]), 64)
    assert "9175" not in str(caught.value)
    assert "events" in str(caught.value)


def _fits(field: Field, sites: int) -> bool:
    try:
        check_capacity(field, sites)
    except CapacityError:
        return False
    return True
