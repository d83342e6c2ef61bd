"""Numbers to words and back: counts as integers, reals as 2^-64 fixed point (SPEC 3).

Everything here is exact: what is lost is lost once, when a site rounds a real number to a multiple
of 2^-64, and never in the sum. Words are u64 little-endian; a 128-bit word is a pair (low, high).
"""

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol.errors import FederationError
from protocol.layout import Field

FRACTION_BITS = 64
COUNT_LIMIT = 2**63
"""n * bound of a count stays below: the total is a signed 64-bit integer (SPEC 3.5)."""

REAL_LIMIT = 2 ** (126 - FRACTION_BITS)
"""n * bound of a real stays below: 126 of 128 bits, so a sum never reaches its sign (SPEC 3.6)."""

Words = NDArray[np.uint64]

_FRACTION = float(2**FRACTION_BITS)


class CapacityError(FederationError):
    """The sum of all hospitals could outgrow its words."""

    code = "overflow"
    fix = "lower the field's bound in the plan, and have the plan signed again"


class EncodingError(FederationError):
    """A number cannot be sent as what its field says it is."""

    code = "encoding"
    fix = "check the extract for missing and impossible values"


def check_capacity(field: Field, sites: int) -> None:
    """See that n sites at the field's bound cannot overflow (SPEC 3.5, 3.6).

    Raises
    ------
    CapacityError
        If n * bound reaches the limit of the field's kind, or the bound is no number.
    """
    if not 0 <= field.bound < float("inf"):
        raise CapacityError(f"{field.name}: the bound must be a finite number from 0")
    limit = COUNT_LIMIT if field.kind == "count" else REAL_LIMIT
    # Fractions: floats would round a product from just below the limit up to it.
    if sites * Fraction(field.bound) >= limit:
        raise CapacityError(
            f"{field.name}: {sites} sites times its bound reach 2^{limit.bit_length() - 1}"
        )


def encode(field: Field, values: NDArray[Any], width: int) -> Words:
    """Turn one field's cells into words of `width` bits: `cells * width / 64` of them.

    Counts are plain integers in either width; reals are round-half-even(x * 2^64).

    Raises
    ------
    EncodingError
        If a count is not a whole number from 0 to its bound, or a real is not finite, not a
        double, or larger than its bound.
    """
    values = np.asarray(values).ravel()
    if field.kind == "real":
        return _fixed(_checked_reals(field, values))
    low = _checked_counts(field, values)
    return low if width == 64 else np.column_stack((low, np.zeros_like(low))).ravel()


def _checked_counts(field: Field, values: NDArray[Any]) -> Words:
    if values.dtype.kind not in "iu":
        raise EncodingError(f"{field.name}: a count must be a whole number")
    # Python integers compare exactly, also where numpy would go through a float.
    if len(values) and not (values.min() >= 0 and int(values.max()) <= Fraction(field.bound)):
        raise EncodingError(f"{field.name}: a count is not between 0 and its bound")
    return values.astype(np.uint64)


def _checked_reals(field: Field, values: NDArray[Any]) -> NDArray[np.float64]:
    if values.dtype.kind not in "fiu" or values.dtype.itemsize > 8:
        raise EncodingError(f"{field.name}: a real must be a number in double precision")
    reals = values.astype(np.float64)
    # Written so that NaN fails too.
    if not (np.abs(reals) <= min(field.bound, REAL_LIMIT)).all():
        raise EncodingError(f"{field.name}: a number is not finite, or beyond its bound")
    return reals


def _fixed(reals: NDArray[np.float64]) -> Words:
    """Round x * 2^64 half to even, as 128-bit two's complement.

    The magnitude is cut at the binary point into two limbs, both exact in a double; the sign is
    set last, in the ring. Cutting a negative number with floor instead would lose low bits.
    """
    magnitude = np.abs(reals)
    whole = np.floor(magnitude)
    # Exact: a double's fraction has at most 53 bits. Only numbers below 2^-11 have bits under
    # 2^-64, and rint is exact on all others; a carry into `whole` would need 1 - 2^-65.
    fraction = np.rint((magnitude - whole) * _FRACTION)
    pair = np.column_stack((fraction.astype(np.uint64), whole.astype(np.uint64)))
    negative = np.signbit(reals)
    pair[negative] = _negated(pair[negative])
    return pair.ravel()


def _negated(pair: Words) -> Words:
    """Negate 128-bit words, shape (cells, 2): invert all bits, add one."""
    low, high = pair[:, 0], pair[:, 1]
    # The carry reaches the high half only from an all-zero low half.
    return np.column_stack((~low + np.uint64(1), ~high + (low == 0)))


def decode(field: Field, words: Words, width: int, sites: int) -> NDArray[Any] | None:
    """Read one field's total: int64 for counts, float64 for reals, flat.

    Returns None if a cell is outside what `sites` sites can sum to: a count not in
    0..n*bound, a real beyond n*bound (SPEC 6.4).
    """
    if field.kind == "real":
        return _real_totals(words.reshape(-1, 2), sites * _units(field.bound))
    low = words if width == 64 else words[0::2]
    if width == 128 and words[1::2].any():
        return None
    if (low > np.uint64(int(sites * Fraction(field.bound)))).any():
        return None
    return low.astype(np.int64)


def _units(bound: float) -> int:
    """Give the largest |X| of one site: its bound in units of 2^-64, rounded as cells are."""
    return round(Fraction(bound) * int(_FRACTION))


def _real_totals(pair: Words, limit: int) -> NDArray[np.float64] | None:
    negative = (pair[:, 1] >> np.uint64(63)).astype(bool)
    magnitude = pair.copy()
    magnitude[negative] = _negated(pair[negative])
    low, high = magnitude[:, 0], magnitude[:, 1]
    top, rest = np.uint64(limit >> 64), np.uint64(limit & (2**64 - 1))
    if ((high > top) | ((high == top) & (low > rest))).any():
        return None
    return np.where(negative, -1.0, 1.0) * _divided(low, high)


def _divided(low: Words, high: Words) -> NDArray[np.float64]:
    """Divide high * 2^64 + low by 2^64, correctly rounded: what Python's `/` on integers gives.

    The leading 64 bits of each number are gathered into one word whose last bit also says
    whether anything follows ("sticky"), so that the one conversion to a double rounds as the
    whole number would. Needs high < 2^62.
    """
    # frexp may say one bit more after its own rounding: still 63 leading bits, enough for 53.
    bits = np.frexp(high.astype(np.float64))[1].astype(np.uint64)
    whole = high == 0
    left = np.where(whole, np.uint64(0), np.uint64(64) - bits)
    right = np.where(whole, np.uint64(0), bits)
    lost = (low & ((np.uint64(1) << right) - np.uint64(1))) != 0
    gathered = np.where(whole, low, (high << left) | (low >> right) | lost)
    return np.ldexp(gathered.astype(np.float64), right.astype(np.int32) - FRACTION_BITS)
