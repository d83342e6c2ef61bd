"""A case in a study's terms: which variables its plan declares, and how rows are coded for them.

Every variable has a short name of its own, because a column may be called anything; `names` leads
back from a plan's columns to those of the case.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol.plan.variables import Binary, Category, Number
from tests.reference.case import SITE, Case, Rows, plain, same

OTHER = "(other)"
BINS = 400
"""Bins of a histogram, as many as a plan allows."""
MAX_VALUES = 2000
"""Values of a number that are counted one by one, in as many histograms as it takes."""
EASY = (1e-2, 1e4)
"""Spreads that fixed point holds well; beyond, a number is counted in another power of ten."""


@dataclass(frozen=True)
class Measure:
    """A covariate or outcome.

    `declared` is the dictionary's type. `unit` is what a number is divided by. `values` are all
    values of a number, if they are few enough to be counted one by one. `ranks` are then the
    variables of their places, one for every `BINS` of them.
    """

    name: str
    declared: str
    variable: Number | Category | Binary
    unit: float = 1.0
    values: tuple[float, ...] = ()
    ranks: tuple[Number, ...] = ()

    @property
    def code(self) -> str:
        """The plan's name of it."""
        return self.variable.name

    @property
    def levels(self) -> tuple[str, ...]:
        """Its levels, none for a number."""
        match self.variable:
            case Category():
                return self.variable.levels
            case Binary():
                return ("0", "1")
            case Number():
                return ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of its columns in a table of balance."""
        if isinstance(self.variable, Category):
            return tuple(f"{self.name}={level}" for level in self.levels)
        return (self.name,)

    def ranked(self, rows: Rows) -> dict[str, NDArray[np.float64]]:
        """Code a hospital's rows as places among the values, missing in all ranks but one."""
        if not self.ranks:
            return {}
        numbers = np.array([float(text or "nan") for text in rows[self.name]], dtype=np.float64)
        places = np.where(np.isnan(numbers), np.nan, np.searchsorted(self.values, numbers))
        return {
            rank.name: np.where(places // BINS == k, places % BINS, np.nan)
            for k, rank in enumerate(self.ranks)
        }

    def coded(self, rows: Rows) -> NDArray[Any]:
        """Code a hospital's rows as an extract holds them."""
        texts = rows[self.name]
        if isinstance(self.variable, Number):
            numbers = [float(text) / self.unit if text else math.nan for text in texts]
            return np.array(numbers, dtype=np.float64)
        return np.array([position(self.levels, text) for text in texts], dtype=np.int16)


@dataclass(frozen=True)
class Ending:
    """An endpoint with a time: what its status says, by code in the plan.

    `causes` are the values that are events, the first one the endpoint's own; with more than one
    every value but `censor` and these is a further cause.
    """

    name: str
    code: str
    time: str
    status: str
    causes: tuple[tuple[str, object], ...]
    censor: object = None

    def coded(self, rows: Rows) -> NDArray[np.int16]:
        """Code the status: 0 censored, 1, 2, ... the causes, -1 missing."""
        return np.array([self._level(text) for text in rows[self.status]], dtype=np.int16)

    @property
    def levels(self) -> tuple[str, ...]:
        """Levels of the status in the plan."""
        return ("censored", *(f"cause{k:03d}" for k in range(len(self.causes))), "other")

    def _level(self, text: str) -> int:
        if not text:
            return -1
        for number, (_, value) in enumerate(self.causes, start=1):
            if same(text, value):
                return number
        alone = self.censor is None or same(text, self.censor)
        return 0 if alone else len(self.causes) + 1


def position(levels: tuple[str, ...], text: str) -> int:
    """Find a value among levels; -1 for a missing one or one that is no level."""
    if text in levels:
        return levels.index(text)
    return next((k for k, level in enumerate(levels) if same(text, level)), -1)


@dataclass(frozen=True, eq=False)
class Terms:
    """What a plan declares of a case."""

    case: Case
    covariates: tuple[Measure, ...]
    outcomes: tuple[Measure, ...]
    endings: tuple[Ending, ...]
    competing: Ending | None
    site: Measure

    @cached_property
    def names(self) -> dict[str, str]:
        """Names in the case of the plan's columns and of the intercept."""
        found = {"(Intercept)": "(Intercept)"}
        for measure in (*self.covariates, *self.outcomes, self.site):
            planned = [name.replace(measure.name, measure.code, 1) for name in measure.columns]
            found |= dict(zip(planned, measure.columns, strict=True))
        return found

    @property
    def survival(self) -> tuple[Ending, ...]:
        """All endpoints with a time, competing risks last."""
        return self.endings if self.competing is None else (*self.endings, self.competing)


def terms_of(case: Case) -> Terms:
    """Read a case's dictionary.

    Raises
    ------
    ValueError
        If a covariate that the dictionary calls a number holds text.
    """
    words = case.dictionary
    covariates = tuple(
        _covariate(case, f"x{k:03d}", what)
        for k, what in enumerate(words.get("ps_covariates") or (), start=1)
    )
    outcomes = tuple(
        _outcome(case, f"y{k:03d}", name)
        for k, name in enumerate(_listed(words.get("binary_outcomes")), start=1)
    )
    site = Measure(SITE, "factor", category("site", SITE, tuple(case.sites)))
    return Terms(case, covariates, outcomes, tuple(_endings(case)), _competing(case), site)


def _covariate(case: Case, code: str, what: dict[str, Any]) -> Measure:
    name, declared = what["name"], what["type"]
    if declared == "factor":
        variable = category(code, name, tuple(plain(level) for level in what["levels"]))
        return Measure(name, declared, variable)
    if set(case.numbers(name)) <= {0.0, 1.0}:
        return Measure(name, declared, binary(code, name))
    return _number(case, code, name, declared)


def _outcome(case: Case, code: str, name: str) -> Measure:
    there = set(case.there(name))
    if there <= {"0", "1"}:
        return Measure(name, "binary", binary(code, name))
    levels = sorted(there, key=float) if name in case.numeric else sorted(there)
    return Measure(name, "binary", category(code, name, tuple(levels)))


def _number(case: Case, code: str, name: str, declared: str) -> Measure:
    """Declare a number with a centre near its mean and, if it fits, a bin for every value."""
    x = np.array(case.numbers(name))
    low, high = float(x.min()), float(x.max())
    centre = low if low == high else min(max(float(f"{x.mean():.2g}"), low), high)
    spread = max(high - centre, centre - low)
    unit = 1.0 if EASY[0] <= spread <= EASY[1] or spread == 0 else _power_of_ten(spread)
    low, high, centre = low / unit, high / unit, centre / unit
    margin = (high - low) * 1e-9 or 0.5
    variable = Number(
        name=code, label=name, missing="complete-case", type="number",
        range=(low - margin, high + margin), centre=centre,
    )  # fmt: skip
    values = tuple(sorted(set(x.tolist())))
    if len(values) > MAX_VALUES:
        return Measure(name, declared, variable, unit)
    ranks = tuple(
        _rank(f"{code}r{first}", name, min(BINS, len(values) - first))
        for first in range(0, len(values), BINS)
    )
    return Measure(name, declared, variable, unit, values, ranks)


def _rank(code: str, label: str, places: int) -> Number:
    """Declare a variable of places 0, 1, ...; a histogram has four bins at least."""
    bins = max(4, places)
    return Number(
        name=code, label=label, missing="complete-case", type="integer", range=(0, bins - 1),
        bins=bins,
    )  # fmt: skip


def category(code: str, label: str, levels: tuple[str, ...]) -> Category:
    """Declare a variable with levels; a plan wants two of them at least."""
    spare = tuple(f"{OTHER}{k}" for k in range(max(0, 2 - len(levels))))
    return Category(
        name=code, label=label, missing="complete-case", type="category", levels=(*levels, *spare)
    )


def binary(code: str, label: str) -> Binary:
    """Declare a variable of 0 and 1."""
    return Binary(name=code, label=label, missing="complete-case", type="binary")


def _endings(case: Case) -> Iterator[Ending]:
    for k, (name, what) in enumerate((case.dictionary.get("endpoints") or {}).items(), start=1):
        causes = ((name, what["event"]),)
        yield Ending(name, f"e{k:03d}", what["time"], what["status"], causes)


def _competing(case: Case) -> Ending | None:
    what = case.dictionary.get("competing")
    if not what or not what.get("causes"):
        return None
    causes, censor = tuple(what["causes"].items()), what.get("censor", 0)
    return Ending("competing", "cr", what["time"], what["status"], causes, censor)


def _listed(names: object) -> list[str]:
    if not names:
        return []
    return [names] if isinstance(names, str) else list(names)  # type: ignore[call-overload]


def _power_of_ten(size: float) -> float:
    return 10.0 ** math.floor(math.log10(size))


def measures(terms: Terms) -> tuple[Measure, ...]:
    """List covariates, outcomes and the hospital, each once."""
    return tuple(dict.fromkeys((*terms.covariates, *terms.outcomes, terms.site)))
