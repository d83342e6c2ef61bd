"""A second implementation, in plain integers and the standard library alone.

It shares no line with `protocol`, is slow, and keeps no secret from a timing observer: it exists to
agree with the vectors. Its modules stand on `tagged`, `curves` and `streams`.
"""

from collections.abc import Callable, Mapping
from typing import Any

from tests.vectors.second import (
    approvals,
    envelopes,
    joining,
    primitives,
    rounds,
    runs,
    sealed,
    sums,
    trust,
)


def answer(kind: str, given: Mapping[str, Any]) -> Any:
    """Give what a case expects, or raise `Refused`."""
    return CASES[kind](given)


CASES: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    name.removeprefix("case_").replace("_", "-"): function
    for module in (approvals, envelopes, joining, primitives, rounds, runs, sealed, sums, trust)
    for name, function in vars(module).items()
    if name.startswith("case_")
}
