"""The vectors' cases answered by `protocol`: what a case expects, or the code of the refusal."""

from collections.abc import Callable, Mapping
from typing import Any

from protocol.errors import FederationError
from tests.vectors.first import (
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
    """Give what a case expects: a value, or {"refused": code}."""
    try:
        return CASES[kind](given)
    except FederationError as refusal:
        return {"refused": refusal.code}
    except (ValueError, OverflowError):
        return {"refused": "value"}


CASES: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    name.removeprefix("case_").replace("_", "-"): function
    for module in (approvals, envelopes, joining, primitives, rounds, runs, sealed, sums, trust)
    for name, function in vars(module).items()
    if name.startswith("case_")
}
