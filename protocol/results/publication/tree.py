"""Walks over results as trees of dataclasses: rounding, and blanking, wherever a number stands."""

import math
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar, cast

from protocol.results.publication.withheld import NOT_SHOWN, Withheld
from protocol.results.values.estimates import Pair

T = TypeVar("T")

EXACT = {"time", "times", "grid_time", "horizon", "edges", "caliper_sd", "gamma"}
"""Floats that are no estimates: times of the plan and its grid, edges of bins."""

COUNTED = {"at_risk", "only_treated", "only_comparator"}
"""Floats that are counts, unless patients weigh or pairs are only expected."""

NAMING = {"time", "grid_time", "horizon", "df", "share", "gamma"}
"""Numbers that say which estimate is meant, and stay where it is not shown."""

PATIENTS = {
    *("patients", "events", "missing", "unassessed", "matched", "left_out", "complete"),
    *("rows", "treated", "incomplete", "at_risk", "pairs", "only_treated", "only_comparator"),
}
"""Counts of patients, by their fields."""


def both(make: Callable[[str], T]) -> Pair[T]:
    """Make the same for both arms."""
    return Pair(make("comparator"), make("treated"))


def blank(value: T) -> T:
    """Put "not shown" in place of all numbers, and keep counts, names and times."""
    return _mapped(value, lambda name, x: x if name in NAMING else NOT_SHOWN)


def rounded(value: T, digits: int) -> T:
    """Round all estimates to significant digits (P3)."""

    def change(name: str, x: float) -> float:
        exact = name in EXACT or (name in COUNTED and x.is_integer())
        return x if exact else significant(x, digits)

    return _mapped(value, change)


def significant(value: float, digits: int) -> float:
    """Round one number to significant digits."""
    if math.isnan(value) or math.isinf(value):
        return value
    return float(f"{value:.{digits - 1}e}")


def in_steps(value: T, step: int) -> T:
    """Round all counts of patients to multiples of a step."""

    def change(name: str, n: Any) -> Any:
        if name not in PATIENTS or not float(n).is_integer():
            return n
        return type(n)(nearest(int(n), step))

    return _mapped(value, change, kinds=(int, float))


def nearest(n: int, step: int) -> int:
    """Round a count to the nearest multiple, halves upwards."""
    return (2 * n + step) // (2 * step) * step


def _mapped(value: T, change: Callable[[str, Any], Any], kinds: tuple[type, ...] = (float,)) -> T:
    return cast("T", _walk(value, "", change, kinds))


def _walk(value: Any, name: str, change: Callable[[str, Any], Any], kinds: tuple[type, ...]) -> Any:
    """Change all numbers of these types, told by the names of their fields."""
    if isinstance(value, Pair):  # stands for the field that holds it
        return both(lambda side: _walk(getattr(value, side), name, change, kinds))
    if is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in fields(value)]
        return replace(value, **{n: _walk(getattr(value, n), n, change, kinds) for n in names})
    if isinstance(value, tuple):
        return tuple(_walk(item, name, change, kinds) for item in value)
    if isinstance(value, Withheld):
        return value
    return change(name, value) if type(value) in kinds else value
