"""Results about patients before any outcome in time: propensity model, balance, tables, tests.

Every number is read off the record of sums of a played study.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol.parts.propensity import Scores
from protocol.plan.columns import Column, balance_columns, model_columns, number_column
from protocol.plan.model import Number, Plan
from protocol.question import Record
from protocol.run import Played
from protocol.stats import location, tables
from protocol.stats.moments import Convention, Moments, standardiser, variance_ratio
from protocol.stats.table import Counts
from protocol.steps.describe import Description
from tests.reference.terms import OTHER, Measure, Terms
from tests.reference.zeroin import printed_odds_ratio

Value = Any
Answers = Iterator[tuple[str, Value]]
ARMS = ("arm0", "arm1")


def people(terms: Terms, played: Played) -> Answers:
    """Answer the groups `ps`, `balance` and `tests`."""
    if terms.covariates:
        yield from _propensity(terms, played)
        yield from _balance(terms, played)
    everybody = all_patients(played.record)
    for measure in terms.covariates:
        yield from _tests(played, measure, everybody)
    for measure in terms.outcomes:
        yield from _outcome(played, measure, everybody)


def all_patients(record: Record) -> Description:
    """Find the description of all patients; the complete cases are all where nothing is missing."""
    found: Description = record.get("describe/1", "all") or record.get("describe/1", "complete")
    return found


def _propensity(terms: Terms, played: Played) -> Answers:
    flow = played.record.get("flow/1")
    control, treated = flow.complete
    yield "ps.n_complete", {
        "n": sum(flow.patients), "n_complete": control + treated, "treated": treated,
        "control": control,
    }  # fmt: skip
    missing = {m.name: sum(flow.missing[m.code]) for m in terms.covariates}
    yield "ps.missing_by_column", missing
    scores = played.findings.scores
    if not isinstance(scores, Scores):
        return
    fitted = _fitted(terms, played.plan, scores)
    if scores.fit.penalty == "firth":
        yield "ps.main.firth", {"coef": fitted["coef"], "se": fitted["se"]}
    elif scores.fit.penalty == "none":
        yield "ps.main.coef", fitted["coef"]
        yield "ps.main.se", fitted["se"]
        yield "ps.main.vcov", {"names": list(fitted["coef"]), "matrix": fitted["vcov"]}


def _fitted(terms: Terms, plan: Plan, scores: Scores) -> dict[str, Any]:
    """Name the coefficients, in the case's units; NaN for columns that the model cannot hold."""
    fit = scores.fit
    units = {"(Intercept)": 1.0} | {
        name: 1 / measure.unit for measure in terms.covariates for name in planned(measure)
    }
    names = ["(Intercept)", *(what.name for what in model_columns(plan))]
    places = [names.index(name) for name in fit.names]
    scale = np.array([units[name] for name in fit.names])
    coefficients, covariance = np.full(len(names), np.nan), np.full((len(names),) * 2, np.nan)
    coefficients[places] = fit.raw * scale
    covariance[np.ix_(places, places)] = fit.covariance * np.outer(scale, scale)
    shown = [terms.names[name] for name in names]
    return {
        "coef": dict(zip(shown, coefficients, strict=True)),
        "se": dict(zip(shown, np.sqrt(np.diag(covariance)), strict=True)),
        "vcov": covariance,
    }


def planned(measure: Measure) -> list[str]:
    """Name a measure's columns as the plan does."""
    return [name.replace(measure.name, measure.code, 1) for name in measure.columns]


def units(terms: Terms, plan: Plan) -> list[tuple[str, Column, float]]:
    """List the columns of a balance table: name in the case, column, unit."""
    named = [(name, m.unit) for m in terms.covariates for name in m.columns]
    columns = balance_columns(plan)
    return [(name, what, unit) for (name, unit), what in zip(named, columns, strict=True)]


def moments(described: Description, what: Column, unit: float, arm: int) -> Moments:
    """Read the moments of a column in one arm, in the case's unit."""
    m = described.moments(what, arm)
    return Moments(m.n, m.missing, m.total * unit, m.squares * unit * unit, m.centre * unit)


def apart(difference: float, sd: float) -> float:
    """Standardise as R divides: 0/0 is no number."""
    return difference / sd if sd else math.nan if difference == 0 else difference * math.inf


def _balance(terms: Terms, played: Played) -> Answers:
    described: Description = played.record.get("describe/1", "complete")
    n0, n1 = described.patients
    if min(n0, n1) == 0:
        return
    rows: dict[str, dict[str, float]] = {}
    for name, what, unit in units(terms, played.plan):
        control, treated = (moments(described, what, unit, arm) for arm in (0, 1))
        for key, value in _column(treated, control, binary=what.indicator).items():
            rows.setdefault(key, {})[name] = value
    yield "balance.unweighted", rows
    yield "weights.unweighted", {
        "sum_t": n1, "sum_c": n0, "sumsq_t": n1, "sumsq_c": n0, "ess_t": n1, "ess_c": n0,
        "max": 1, "min": 1,
    }  # fmt: skip


def _column(treated: Moments, control: Moments, *, binary: bool) -> dict[str, float]:
    difference = treated.mean - control.mean
    spreads = {
        convention.value: standardiser(treated, control, convention, binary=binary)
        for convention in (Convention.POOLED_SD, Convention.POOLED_SD_N1, Convention.TREATED_SD)
    }
    # Where nobody is weighted the weighted SDs are those over n - 1.
    spreads["smd_weighted_sd"] = spreads[Convention.POOLED_SD_N1]
    return {
        "mean_t": treated.mean,
        "mean_c": control.mean,
        **{name: apart(difference, sd) for name, sd in spreads.items()},
        "var_ratio": variance_ratio(treated, control),
    }


def _tests(played: Played, measure: Measure, everybody: Description) -> Answers:
    if measure.declared == "numeric":
        yield from _number(played, measure, everybody)
    elif measure.levels:
        counts = [[everybody.level(measure.variable, level, arm) for arm in (0, 1)]
                  for level in measure.levels]  # fmt: skip
        yield from _categories(measure, np.array(counts, dtype=np.int64))


def _number(played: Played, measure: Measure, everybody: Description) -> Answers:
    what = _own_column(played.plan, measure)
    control, treated = (moments(everybody, what, measure.unit, arm) for arm in (0, 1))
    name = f"tests.{measure.name}."
    if min(control.n, treated.n) < 2:
        return
    welch, pooled = location.welch(treated, control), location.student(treated, control)
    if pooled.std_error > 0:
        lower, upper = welch.interval()
        yield f"{name}t_test", {
            "welch": {
                "t": welch.t, "df": welch.df, "p": welch.p_value, "lower": lower, "upper": upper,
            },
            "pooled": {"t": pooled.t, "df": pooled.df, "p": pooled.p_value},
        }  # fmt: skip
    values, counts = _values(played, measure, everybody)
    if not values:  # extremes and ranks need to know which values there are
        return
    ends = [[v for v, n in zip(values, arm, strict=True) if n] for arm in counts]
    both = (control, treated)
    yield (
        f"{name}summary",
        {
            "n": _by_arm(m.n for m in both),
            "mean": _by_arm(m.mean for m in both),
            "sd": _by_arm(m.sd for m in both),
            "min": _by_arm(there[0] for there in ends),
            "max": _by_arm(there[-1] for there in ends),
        },
    )
    ranks = location.mann_whitney(counts[1], counts[0])
    yield f"{name}mann_whitney", {
        "W": ranks.w, "p_correct": ranks.p_value_corrected, "p_nocorrect": ranks.p_value,
    }  # fmt: skip
    for kind in (7, 6, 2):
        found = {
            arm: [quantile(values, n, p, kind) for p in (0.25, 0.5, 0.75)]
            for arm, n in zip(ARMS, counts, strict=True)
        }
        yield f"{name}quantiles_type{kind}", {"p": [0.25, 0.5, 0.75], **found}


def quantile(values: tuple[float, ...], counts: Counts, p: float, kind: int) -> float:
    """Read a quantile off the number of patients at each value, by R's definition `kind`.

    References
    ----------
    Hyndman and Fan (1996), Am. Stat. 50, 361-365.
    """
    n, upto = int(counts.sum()), np.cumsum(counts)

    def ordered(rank: int) -> float:
        return values[int(np.searchsorted(upto, min(max(rank, 1), n)))]

    if kind == 2:
        whole = round(n * p, 9)
        low = math.ceil(whole)
        return (ordered(low) + ordered(low + 1)) / 2 if whole == low else ordered(low)
    h = (n - 1) * p + 1 if kind == 7 else (n + 1) * p
    low = math.floor(h + 1e-12)
    share = h - low
    if share < 1e-12:
        return ordered(low)
    return (1 - share) * ordered(low) + share * ordered(low + 1)


def _values(
    played: Played, measure: Measure, everybody: Description
) -> tuple[tuple[float, ...], list[Counts]]:
    """Count the patients at each value, by arm, where levels or bins are values."""
    if measure.levels:
        counts = [[everybody.level(measure.variable, lv, a) for lv in ("0", "1")] for a in (0, 1)]
        return (0.0, 1.0), [np.array(arm, dtype=np.int64) for arm in counts]
    if not measure.values:
        return (), []
    assert isinstance(measure.variable, Number)
    bins = [everybody.histogram(measure.variable, arm) for arm in (0, 1)]
    return measure.values, bins


def _own_column(plan: Plan, measure: Measure) -> Column:
    if isinstance(measure.variable, Number):
        return number_column(measure.variable)
    return next(c for c in balance_columns(plan) if c.variable == measure.code)


def _outcome(played: Played, measure: Measure, everybody: Description) -> Answers:
    found = played.record.get("outcome-table/1", f"{measure.code}o", "all", "")
    if found is None:
        counts = [[everybody.level(measure.variable, level, arm) for arm in (0, 1)]
                  for level in measure.levels]  # fmt: skip
    else:
        free = [n - e for n, e in zip(found.patients, found.events, strict=True)]
        counts = [free, list(found.events)]
    yield from _categories(measure, np.array(counts, dtype=np.int64))


def _categories(measure: Measure, cells: Counts) -> Answers:
    """Test levels (rows) by arm; R drops levels that nobody has, and tests two at least."""
    used: NDArray[np.bool_] = np.asarray(cells.any(axis=1))
    levels = [level for level, there in zip(measure.levels, used, strict=True) if there]
    cells, name = cells[used], f"tests.{measure.name}."
    if len(cells) < 2 or not cells.any(axis=0).all():
        return
    assert not any(level.startswith(OTHER) for level in levels)
    yield f"{name}table", {
        "levels": levels, "arm0": cells[:, 0].tolist(), "arm1": cells[:, 1].tolist(),
    }  # fmt: skip
    if len(cells) == 2:
        c, t = (int(n) for n in cells[1])
        n0, n1 = (int(n) for n in cells.sum(axis=0))
        test = tables.two_by_two((c, t), (n0, n1))
        yield f"{name}categorical", _two_by_two(test)
        yield f"{name}risk", _risk(test)


def _two_by_two(test: tables.TwoByTwo) -> Value:
    odds, lower, upper = printed_odds_ratio(test.events, test.n)
    return {
        "chisq_nocorrect": test.plain.statistic,
        "p_nocorrect": test.plain.p_value,
        "df": test.plain.df,
        "min_expected": test.min_expected,
        "fisher_p": test.fisher_p,
        "chisq_yates": test.yates.statistic,
        "p_yates": test.yates.p_value,
        "fisher_or": odds,
        "fisher_lower": lower,
        "fisher_upper": upper,
    }


def _risk(test: tables.TwoByTwo) -> Value:
    (e0, e1), (n0, n1) = test.events, test.n
    difference = test.risk_difference
    return {
        "p1": e1 / n1,
        "p0": e0 / n0,
        "rd_wald": {
            "est": difference.estimate, "lower": difference.lower, "upper": difference.upper,
        },
        "clopper_pearson_arm1": tables.clopper_pearson(e1, n1),
        "clopper_pearson_arm0": tables.clopper_pearson(e0, n0),
        "wilson_arm1": tables.wilson(e1, n1),
    }  # fmt: skip


def _by_arm(numbers: Iterator[Any]) -> dict[str, Any]:
    return dict(zip(ARMS, numbers, strict=True))
