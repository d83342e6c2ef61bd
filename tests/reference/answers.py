"""Everything that the played studies of a case answer, by the ids of `oracle-expected/1`."""

import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from protocol.errors import FederationError
from tests.reference.axis import Clock
from tests.reference.by_hospital import by_hospital
from tests.reference.case import read_case
from tests.reference.causes import competing
from tests.reference.comparisons import comparisons
from tests.reference.fifths import by_fifths
from tests.reference.matched import matched
from tests.reference.paired import paired
from tests.reference.people import people
from tests.reference.plan_of import Studied, studied
from tests.reference.rows import selected
from tests.reference.survival import survival
from tests.reference.weighted import weighted


def answer(folder: Path) -> dict[str, Any]:
    """Play a case and return {id: value}, ready for JSON.

    Raises
    ------
    ValueError
        If the folder holds no case, or a column is not what its dictionary says.
    FederationError
        If the study cannot be played.
    """
    return answers(studied(read_case(folder)))


def answers(found: Studied) -> dict[str, Any]:
    """Read all results off played studies."""
    return {name: as_json(value) for name, value in _answers(found)}


def _answers(found: Studied) -> Iterator[tuple[str, Any]]:
    for part in _parts(found):
        try:
            yield from part
        except (FederationError, ArithmeticError, ValueError) as refusal:
            # What one part cannot answer must not take the others with it.
            sys.stderr.write(f"part of the case is not answered: {refusal}\n")


def _parts(found: Studied) -> Iterator[Iterator[tuple[str, Any]]]:
    terms, clock, first, bench = found.terms, _clock(found), found.first, found.bench
    yield people(terms, first, bench)
    yield comparisons(terms, first, bench)
    for ending in terms.endings:
        yield survival(first.record, ending, clock)
        yield by_hospital(terms, first, bench, ending)
    if terms.competing is not None:
        yield competing(first.record, terms.competing, clock, bench)
    yield by_fifths(terms, first, bench, clock)
    for group in found.matched:
        for selection in group.chosen:
            yield matched(terms, group.played, selection, clock)
            yield paired(terms, group, selection, clock)
    yield selected(terms.case, first, bench)
    if found.weighted is not None:
        yield weighted(terms, found.weighted, clock, bench)


def _clock(found: Studied) -> Clock:
    """Read the landmarks and the horizon, in the unit of the files' times."""
    words = found.terms.case.dictionary
    unit = words.get("time_unit", "day")
    landmarks = words.get("landmarks_days", words.get(f"landmarks_{unit}s")) or ()
    tau = words.get("tau_days", words.get(f"tau_{unit}s"))
    times = np.atleast_1d(np.array(landmarks, dtype=np.float64))
    return Clock(found.axis, times, None if tau is None else float(tau))


def as_json(value: Any) -> Any:
    """Write arrays as lists, NaN as null, and infinite numbers as text."""
    match value:
        case dict():
            return {key: as_json(one) for key, one in value.items()}
        case list() | tuple():
            return [as_json(one) for one in value]
        case np.ndarray() | np.generic():
            return as_json(value.tolist())
        case float() if math.isnan(value):
            return None
        case float() if math.isinf(value):
            return "Inf" if value > 0 else "-Inf"
    return value
