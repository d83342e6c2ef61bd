"""A hospital's patients in the study's terms, ready to be counted. Never leaves the hospital.

Shells read extracts into an `Extract`; `enrol` applies the plan: who is in which arm, who is
excluded for which reason. Steps see only the `Cohort`.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol.canonical import digest, lp
from protocol.ids import SiteId
from protocol.plan.columns import Column
from protocol.plan.endpoints import BinaryOutcome, TimeToEvent
from protocol.plan.model import Plan
from protocol.plan.patients import Condition
from protocol.plan.variables import Binary, Category, Number, levels

MISSING_LEVEL = -1
"""How an array of levels, of 0/1 values or of times marks a missing value; numbers use NaN."""

Flags = NDArray[np.bool_]
Rows = slice | Flags | NDArray[np.intp]
Values = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Extract:
    """A hospital's rows, read and typed but not yet judged by the plan's eligibility.

    `values` has one array of length `rows` for each variable of the plan: float64 for numbers
    (NaN missing), int16 positions in the plan's levels for categories, int8 for binary, int32
    for times (-1 missing). `invalid` marks rows that the plan excludes for a value outside the
    dictionary; their other values are ignored. `ids` are the patients' ids as UTF-8 bytes,
    distinct.
    """

    ids: NDArray[np.bytes_]
    values: Values
    invalid: Flags

    @property
    def rows(self) -> int:
        """How many rows the extract has."""
        return len(self.ids)


@dataclass(frozen=True)
class Cohort:
    """The patients of one hospital that are in the study.

    `arm` is 1 for treated and 0 for comparator; `values` as in `Extract`. `excluded` counts rows
    by reason, in the order of `reasons(plan)`. `secret` (32 bytes) is known to the hospital only
    and keys its lottery numbers and salts.
    """

    site: SiteId
    ids: NDArray[np.bytes_] = field(repr=False)
    arm: NDArray[np.int8] = field(repr=False)
    values: Values = field(repr=False)
    excluded: tuple[int, ...]
    rows: int
    secret: bytes = field(repr=False)

    @property
    def size(self) -> int:
        """How many patients are in the study."""
        return len(self.arm)

    @cached_property
    def content(self) -> bytes:
        """Hash all that the cohort holds. Not public: rows could be guessed against it."""
        whole = hashlib.sha256(lp(self.ids.tobytes(), self.arm.tobytes(), str(self.excluded)))
        for name in sorted(self.values):
            whole.update(lp(name, str(self.values[name].dtype)))
            whole.update(np.ascontiguousarray(self.values[name]).data)
        return whole.digest()

    def keyed(self, *parts: bytes | str) -> bytes:
        """Derive 32 bytes that only this hospital can derive: HMAC-SHA256(secret, lp(parts))."""
        return hmac.digest(self.secret, lp(*parts), "sha256")


def snapshot_commitment(cohort: Cohort) -> bytes:
    """Commit to the rows (SPEC 8): equal rows give equal commitments, and nobody can guess them."""
    return digest("snapshot", cohort.keyed("salt", cohort.content), cohort.content)


def reasons(plan: Plan) -> tuple[str, ...]:
    """List why rows may be excluded, in the order in which they are tried."""
    return (
        "A value outside the study's dictionary",
        "A required value is missing",
        "In neither arm of the comparison",
        *(condition.reason for condition in plan.eligibility),
    )


def enrol(plan: Plan, site: SiteId, extract: Extract, secret: bytes) -> Cohort:
    """Apply the plan to an extract: arms, exclusions by the first reason that fits, and who stays.

    Run by a hospital on its own rows.
    """
    values = extract.values
    treated, comparator = _arms(plan, values)
    tests = [
        ~extract.invalid,
        _required_known(plan, values, extract.rows),
        treated | comparator,
        *(fulfils(plan, condition, values) for condition in plan.eligibility),
    ]
    kept = np.ones(extract.rows, dtype=np.bool_)
    excluded = []
    for test in tests:
        excluded.append(int((kept & ~test).sum()))
        kept &= test
    keep: Any = slice(None) if kept.all() else kept
    return Cohort(
        site=site,
        ids=extract.ids[keep],
        arm=treated[keep].astype(np.int8),
        values={name: array[keep] for name, array in values.items()},
        excluded=tuple(excluded),
        rows=extract.rows,
        secret=secret,
    )


def known(plan: Plan, name: str, values: Values) -> Flags:
    """Flag the rows in which a variable has a value."""
    array = values[name]
    flags: Flags = ~np.isnan(array) if isinstance(plan.variable(name), Number) else array >= 0
    return flags


def at_levels(plan: Plan, name: str, chosen: tuple[str, ...], values: Values) -> Flags:
    """Flag the rows in which a category or binary variable has one of the chosen levels."""
    positions = [levels(plan.variable(name)).index(level) for level in chosen]
    flags: Flags = np.isin(values[name], positions)
    return flags


def fulfils(plan: Plan, condition: Condition, values: Values) -> Flags:
    """Flag the rows that fulfil a condition. A missing value fulfils none."""
    name, there = condition.variable, known(plan, condition.variable, values)
    array = values[name]
    match condition.rule:
        case "known":
            return there
        case "at-least":
            return there & (array >= condition.value)
        case "at-most":
            return there & (array <= condition.value)
        case "between":
            low, high = condition.between or (0.0, 0.0)
            return there & (array >= low) & (array <= high)
        case "one-of":
            return at_levels(plan, name, condition.levels, values)
        case "none-of":
            return there & ~at_levels(plan, name, condition.levels, values)


def complete_cases(plan: Plan, cohort: Cohort) -> Flags:
    """Flag the patients without a missing value in any covariate of the propensity model."""
    flags = np.ones(cohort.size, dtype=np.bool_)
    if plan.propensity is not None:
        for covariate in plan.propensity.covariates:
            flags &= known(plan, covariate.variable, cohort.values)
    return flags


def column(plan: Plan, what: Column, cohort: Cohort, rows: Rows) -> NDArray[np.float64]:
    """Compute a column for some patients; NaN where its variable is missing."""
    array = cohort.values[what.variable][rows]
    variable = plan.variable(what.variable)
    if isinstance(variable, Category | Binary):
        position = levels(variable).index(what.level)
        return np.where(array < 0, np.nan, (array == position).astype(np.float64))
    number = array.astype(np.float64)
    match what.form:
        case "log":
            return np.log(number)
        case "spline":
            return _spline_term(number, what.knots, what.term)
        case _:
            return number


def event_status(
    plan: Plan, endpoint: TimeToEvent, cohort: Cohort
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Read times and how they ended, both of length `cohort.size`.

    Status is 1 for the event, 2, 3, ... for the competing causes in the plan's order, 0 for a
    censoring and -1 where time or status is missing (the time is then 0).
    """
    time = cohort.values[endpoint.time].astype(np.int64)
    status = np.zeros(cohort.size, dtype=np.int64)
    causes = (endpoint.event_levels, *endpoint.competing.values())
    for number, chosen in enumerate(causes, start=1):
        status[at_levels(plan, endpoint.event, chosen, cohort.values)] = number
    unknown = (time < 0) | ~known(plan, endpoint.event, cohort.values)
    status[unknown] = MISSING_LEVEL
    return np.where(unknown, 0, time), status


def outcome(plan: Plan, endpoint: BinaryOutcome, cohort: Cohort) -> NDArray[np.int8]:
    """Read a binary outcome: 1 happened, 0 not, -1 missing; length `cohort.size`."""
    happened = at_levels(plan, endpoint.variable, endpoint.event_levels, cohort.values)
    there = known(plan, endpoint.variable, cohort.values)
    return np.where(there, happened, MISSING_LEVEL).astype(np.int8)


def _arms(plan: Plan, values: Values) -> tuple[Flags, Flags]:
    arms = plan.treatment
    treated = at_levels(plan, arms.variable, arms.treated, values)
    return treated, at_levels(plan, arms.variable, arms.comparator, values)


def _required_known(plan: Plan, values: Values, rows: int) -> Flags:
    flags = np.ones(rows, dtype=np.bool_)
    for variable in plan.variables:
        if variable.missing == "exclude":
            flags &= known(plan, variable.name, values)
    return flags


def _spline_term(
    x: NDArray[np.float64], knots: tuple[float, ...], term: int
) -> NDArray[np.float64]:
    """Restricted cubic spline basis, Harrell, Regression Modeling Strategies (2015), 2.4.5."""
    if term == 0:
        return x
    first, before, last = knots[term - 1], knots[-2], knots[-1]

    def cube(knot: float) -> NDArray[np.float64]:
        return np.maximum(x - knot, 0.0) ** 3

    tail = (cube(before) * (last - first) - cube(last) * (before - first)) / (last - before)
    return (cube(first) - tail) / (last - knots[0]) ** 2
