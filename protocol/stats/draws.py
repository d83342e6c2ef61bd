"""Normal and chi-square numbers that every machine draws alike from the same bytes.

Everybody draws the parameters of an imputation model from the public coin and has to find the
same ones. Logarithms and cosines differ in their last bits between machines, so here are only
+ - x /, square roots and `frexp`, which are exact or rounded in one way.
"""

import math
from collections.abc import Sequence

LN_2 = 0.6931471805599453
TERMS = 18
"""Terms of the series of the logarithm: the next one is below 1e-17."""
NEAREST = 2.0**-30
"""Uniform numbers nearer to 0 or 1 than this count as this far: normal numbers end at 6.1."""

_CENTRE = (
    (2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457),
    (13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608),
)
_CENTRE_BELOW = (
    (5226.495278852545925, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867),
    (5394.1960214247511077, 687.1870074920579083, 42.313330701600911252, 1.0),
)
_TAIL = (
    (7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177),
    (1.27045825245236838258, 3.64784832476320460504, 5.7694972214606914055),
    (4.6303378461565452959, 1.42343711074968357734),
)
_TAIL_BELOW = (
    (1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966),
    (0.14810397642748007459, 0.68976733498510000455, 1.6763848301838038494),
    (2.05319162663775882187, 1.0),
)


def uniforms(words: bytes) -> tuple[float, ...]:
    """Turn each eight bytes into a number strictly between 0 and 1, an odd multiple of 2^-53."""
    cut = range(0, len(words) - len(words) % 8, 8)
    whole = [int.from_bytes(words[at : at + 8], "big") >> 12 for at in cut]
    return tuple((2 * number + 1) / 9007199254740992 for number in whole)


def logarithm(x: float) -> float:
    """Natural logarithm of a positive number, by ln m = 2 artanh((m - 1) / (m + 1))."""
    mantissa, exponent = math.frexp(x)
    ratio = (mantissa - 1.0) / (mantissa + 1.0)
    square, power, total = ratio * ratio, ratio, 0.0
    for k in range(TERMS):
        total += power / (2 * k + 1)
        power *= square
    return 2.0 * total + exponent * LN_2


def normal(u: float) -> float:
    """Find the standard normal number below which a share u lies.

    References
    ----------
    Wichura (1988), Appl. Stat. 37, 477-484, algorithm AS 241; the far tail is cut off.
    """
    u = min(max(u, NEAREST), 1.0 - NEAREST)
    q = u - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        return q * _polynomial(_CENTRE, r) / _polynomial(_CENTRE_BELOW, r)
    r = math.sqrt(-logarithm(u if q < 0 else 1.0 - u)) - 1.6
    size = _polynomial(_TAIL, r) / _polynomial(_TAIL_BELOW, r)
    return -size if q < 0 else size


def chi_square(z: float, df: float) -> float:
    """Turn a standard normal number into a chi-square on `df` degrees of freedom; never below 0.

    df (1 - 2/(9 df) + z sqrt(2/(9 df)))^3, within 3 % of the quantile from 10 on, 0.2 % from 50.

    References
    ----------
    Wilson and Hilferty (1931), Proc. Natl. Acad. Sci. 17, 684-688.
    """
    part = 2.0 / (9.0 * df)
    root = max(1.0 - part + z * math.sqrt(part), 0.01)
    return df * root * root * root


def _polynomial(coefficients: Sequence[Sequence[float]], x: float) -> float:
    total = 0.0
    for row in coefficients:
        for coefficient in row:
            total = total * x + coefficient
    return total
