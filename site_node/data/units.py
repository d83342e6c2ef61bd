"""Tells from a column's name and from counts that its numbers are in another unit than the plan's.

Nothing is converted by a suspicion: the mapping states a factor, or the export is mended. Counts
and factors are all that is said, never a value.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import numpy as np
from numpy.typing import NDArray

from protocol.plan.model import Plan
from protocol.plan.variables import Number, Time

FAR = 8.0
"""How many times a column's median may be off the plan's centre before that is said."""

_SIZES = {
    "length": {"mm": "1/1000", "cm": "1/100", "m": "1", "inch": "0.0254", "in": "0.0254"},
    "mass": {"pg": "1e-12", "ng": "1e-9", "ug": "1e-6", "mg": "1e-3", "g": "1", "kg": "1000"}
    | {"lb": "453.59237", "lbs": "453.59237"},
    "volume": {"ul": "1e-6", "ml": "1e-3", "dl": "0.1", "l": "1"},
    "amount": {"pmol": "1e-12", "nmol": "1e-9", "umol": "1e-6", "mmol": "1e-3", "mol": "1"},
    "time": {"d": "1", "day": "1", "days": "1", "tage": "1", "week": "7", "weeks": "7"}
    # A Gregorian year, and a twelfth of it.
    | dict.fromkeys(("month", "months", "monate"), "30.436875")
    | dict.fromkeys(("year", "years", "yr", "yrs", "jahre"), "365.2425"),
}
_AMBIGUOUS = ("m", "g", "l", "d", "in")
"""Letters that only stand for a unit in brackets: `sex_m` counts no metres."""

WORD_ENDS = r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])"
"""Where words end in names such as `DFSEvent` and `MaxDiam`."""

_MOLAR_MASSES = {
    "creatinin": "113.12",
    "kreatinin": "113.12",
    "glucose": "180.16",
    "glukose": "180.16",
    "bilirubin": "584.67",
    "cholesterol": "386.65",
    "cholesterin": "386.65",
    "urate": "168.11",
    "uric": "168.11",
    "calcium": "40.08",
}
"""Grams a mole, from standard atomic weights (IUPAC 2021), by a part of the name."""

_CONCENTRATIONS = ("mg/dl", "mg/l", "ug/l", "g/l", "g/dl", "ng/ml", "pg/ml")
_MOLARITIES = ("mmol/l", "umol/l", "nmol/l")
_PLAIN = ("mm", "cm", "inch", "kg", "g", "lb", "month", "week", "year")
_OTHERS = (*_PLAIN, *_CONCENTRATIONS, *_MOLARITIES)
"""The units that a suspicion may name."""


@dataclass(frozen=True)
class Suspicion:
    """Why a variable may be in another unit, and the factor that would mend it, if one can."""

    variable: str
    words: str
    factor: float | None


@dataclass(frozen=True)
class Unit:
    """A unit's kind, and how many of the kind's base units it is."""

    dimension: str
    size: Fraction


class Strays:
    """Counts, by candidate factor, the numbers out of range that the factor would bring home."""

    def __init__(self, plan: Plan) -> None:
        self._numbers = {v.name: v for v in plan.variables if isinstance(v, Number)}
        self._fits = {name: np.zeros(len(_factors(v)), int) for name, v in self._numbers.items()}
        self._outside = dict.fromkeys(self._numbers, 0)

    def add(self, name: str, outside: NDArray[np.float64]) -> None:
        """Count numbers of a variable that are out of its range."""
        if len(outside) and name in self._numbers:
            variable = self._numbers[name]
            low, high = variable.range
            scaled = outside[:, None] * np.array([float(f) for f in _factors(variable)])
            # A touch beyond the limits: this product is binary, the mapping's is decimal.
            slack = 1e-9 * max(abs(low), abs(high))
            home = (low - slack <= scaled) & (scaled <= high + slack)
            self._fits[name] += home.sum(axis=0)
            self._outside[name] += len(outside)

    def suspicion(self, name: str, inside: int) -> Suspicion | None:
        """Judge a variable, of which `inside` numbers are in range.

        Few strays are typing errors. Where most of ten or more would be right in another unit,
        the column or a part of it is in that unit.
        """
        outside = self._outside.get(name, 0)
        if outside < 10:
            return None
        factors, fits = _factors(self._numbers[name]), self._fits[name]
        best = int(np.argmax(fits))  # the first of equals: they are listed nearest first
        if fits[best] < 0.9 * outside:
            return None
        factor = float(factors[best])
        other = _unit_name(self._numbers[name], factors[best])
        asked = f": is the unit {other}?" if other else ""
        if inside <= outside:
            told = f"nearly all would be in range if multiplied by {factor:.6g}{asked}"
        else:
            told = (
                f"{int(fits[best]):,} of the {outside:,} numbers out of range would be in it if "
                f"multiplied by {factor:.6g}; are there two units in the column?"
            )
        return Suspicion(name, told, factor)


def named_otherwise(variable: Number, column: str, stated: float | None) -> Suspicion | None:
    """Compare the unit in a column's name with the plan's; `stated` is the mapping's factor."""
    theirs, ours = unit_of_column(column), parse_unit(variable.unit)
    wanted = theirs and ours and factor_between(theirs, ours, variable)
    if not wanted or np.isclose(float(wanted), 1 if stated is None else stated, rtol=0.01):
        return None
    told = f"the column's name speaks of a unit of which one is {float(wanted):.6g} {variable.unit}"
    return Suspicion(variable.name, told, float(wanted))


def time_named_otherwise(
    variable: Time, time_unit: str, column: str, stated: float | None
) -> Suspicion | None:
    """Compare the unit in a time's column with the plan's, as `named_otherwise` does."""
    theirs, ours = unit_of_column(column), parse_unit(time_unit)
    if stated is not None or not theirs or not ours or theirs.dimension != ours.dimension:
        return None
    factor = theirs.size / ours.size
    if factor == 1:
        return None
    told = f"the column's name speaks of a unit of which one is {float(factor):.6g} {time_unit}s"
    if factor.denominator == 1:
        return Suspicion(variable.name, told, float(factor))
    mend = f"; whole {time_unit}s have to be counted in the export, or from dates"
    return Suspicion(variable.name, told + mend, None)


def far_from_centre(variable: Number, median: float) -> Suspicion | None:
    """Compare a column's median with the centre that the plan expects, both of one sign."""
    if not variable.centre or not median / variable.centre > 0:
        return None
    ratio = median / variable.centre
    if 1 / FAR < ratio < FAR:
        return None
    power = round(float(np.log10(ratio)))
    far = f"{10 ** abs(power):,} times {'above' if power > 0 else 'below'}"
    return Suspicion(variable.name, f"typical values are about {far} the plan's", 10.0**-power)


def unit_of_column(name: str) -> Unit | None:
    """Find the unit at the end of a column's name: `CEA (µg/l)`, `CEA_ug_per_L`, `diam_mm`."""
    if brackets := re.search(r"[(\[]([^)\]]+)[)\]]\s*$", name):
        return parse_unit(brackets[1])
    words = [word for word in re.split(rf"[\s_.]+|{WORD_ENDS}", name) if word.lower() != "per"]
    for text in ("/".join(words[-2:]), _split_concentration(words[-1] if words else "")):
        found = parse_unit(text) if "/" in text else None
        if found and found.dimension.endswith("/volume"):
            return found
    last = words[-1] if words else ""
    return None if last.lower() in _AMBIGUOUS else parse_unit(last)


def _split_concentration(word: str) -> str:
    found = re.fullmatch(r"([pnumk]?g|[pnum]mol)([umd]?l)", _ascii(word))
    return f"{found[1]}/{found[2]}" if found else ""


def parse_unit(text: str) -> Unit | None:
    """Read a unit such as `cm`, `µg/L` or `mmol/l`; nothing for others."""
    parts = [_simple(part) for part in _ascii(text).split("/")]
    match parts:
        case [Unit() as only]:
            return only
        case [Unit() as above, Unit() as below]:
            return Unit(f"{above.dimension}/{below.dimension}", above.size / below.size)
        case _:
            return None


def factor_between(theirs: Unit, ours: Unit, variable: Number) -> Fraction | None:
    """Say what a number in their unit is multiplied with to be in ours; nothing if unlike."""
    if theirs.dimension == ours.dimension:
        return theirs.size / ours.size
    words = f"{variable.name} {variable.label}".casefold()
    mass = next((Fraction(m) for part, m in _MOLAR_MASSES.items() if part in words), None)
    match theirs.dimension, ours.dimension:
        case "mass/volume", "amount/volume" if mass:
            return theirs.size / mass / ours.size
        case "amount/volume", "mass/volume" if mass:
            return theirs.size * mass / ours.size
        case _:
            return None


def _ascii(text: str) -> str:
    """Write `µ` as `u` and drop blanks and capitals; NFKC makes both signs for micro one."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("μ", "u")
    return folded.replace(" per ", "/").replace(" ", "").replace("mcg", "ug")


def _simple(word: str) -> Unit | None:
    for dimension, sizes in _SIZES.items():
        if word in sizes:
            return Unit(dimension, Fraction(sizes[word]))
    return None


@cache
def _factors(variable: Number) -> tuple[Fraction, ...]:
    """List the factors that are tried: other units of the kind first, then powers of ten."""
    powers = [Fraction(10) ** power for power in (-1, 1, -2, 2, -3, 3)]
    named = [factor for _, factor in _named_factors(variable)]
    return tuple(dict.fromkeys([*named, *powers]))


def _unit_name(variable: Number, factor: Fraction) -> str:
    return next((name for name, found in _named_factors(variable) if found == factor), "")


def _named_factors(variable: Number) -> Iterator[tuple[str, Fraction]]:
    ours = parse_unit(variable.unit)
    for name in _OTHERS if ours else ():
        theirs = parse_unit(name)
        factor = theirs and ours and factor_between(theirs, ours, variable)
        if factor and factor != 1:
            yield name, factor
