"""Comparisons of covariates and outcomes between the arms, from sums over all patients.

Every patient with a value counts, also one who misses another covariate.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol.cohort import Cohort
from protocol.plan.columns import Column, balance_columns, number_column
from protocol.plan.model import Plan
from protocol.plan.variables import Number
from protocol.question import Record
from protocol.run import Played
from protocol.stats import location, tables
from protocol.stats.fisher import fisher_rx2
from protocol.stats.table import Counts
from protocol.steps.by_hospital import StratifiedOutcome
from protocol.steps.describe import Description
from protocol.steps.population import Everybody
from tests.reference.bench import Bench
from tests.reference.people import moments
from tests.reference.terms import OTHER, Measure, Terms
from tests.reference.zeroin import printed_odds_ratio

Answers = Iterator[tuple[str, Any]]
ARMS = ("arm0", "arm1")


def comparisons(terms: Terms, played: Played, bench: Bench) -> Answers:
    """Answer the group `tests`."""
    everybody = all_patients(played.record)
    for measure in terms.covariates:
        yield from _tests(played, measure, everybody, bench)
    for measure in terms.outcomes:
        yield from _outcome(played, measure, everybody, bench)


def all_patients(record: Record) -> Description:
    """Find the description of all patients; the complete cases are all where nothing is missing."""
    found: Description = record.get("describe/1", "all") or record.get("describe/1", "complete")
    return found


def _tests(played: Played, measure: Measure, everybody: Description, bench: Bench) -> Answers:
    if measure.declared == "numeric":
        yield from _number(played, measure, everybody)
    elif measure.levels:
        counts = [[everybody.level(measure.variable, level, arm) for arm in (0, 1)]
                  for level in measure.levels]  # fmt: skip
        yield from _categories(measure, np.array(counts, dtype=np.int64), bench)


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
    if not measure.ranks:
        return (), []
    bins = [
        np.concatenate([everybody.histogram(rank, arm) for rank in measure.ranks]) for arm in (0, 1)
    ]
    return measure.values, [arm[: len(measure.values)] for arm in bins]


def _own_column(plan: Plan, measure: Measure) -> Column:
    if isinstance(measure.variable, Number):
        return number_column(measure.variable)
    return next(c for c in balance_columns(plan) if c.variable == measure.code)


def _outcome(played: Played, measure: Measure, everybody: Description, bench: Bench) -> Answers:
    found = played.record.get("outcome-table/1", f"{measure.code}o", "all", "")
    if found is None:
        counts = [[everybody.level(measure.variable, level, arm) for arm in (0, 1)]
                  for level in measure.levels]  # fmt: skip
    else:
        free = [n - e for n, e in zip(found.patients, found.events, strict=True)]
        counts = [free, list(found.events)]
    yield from _categories(measure, np.array(counts, dtype=np.int64), bench)


def _categories(measure: Measure, cells: Counts, bench: Bench) -> Answers:
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
        yield from _by_hospital(name, measure, levels[1], bench)
        return
    fisher_p = fisher_rx2(cells)
    if fisher_p <= 1:  # the tables were not too many to list
        yield f"{name}categorical", {**_chi_square(cells), "fisher_p": fisher_p}


def _by_hospital(name: str, measure: Measure, event: str, bench: Bench) -> Answers:
    """Combine the hospitals' tables as Mantel and Haenszel do, if two hospitals have any."""
    step = StratifiedOutcome(bench.plan, Everybody(), measure.code, (event,))
    known = [patients_with(measure.code, cohort) for cohort in bench.cohorts]
    if sum(n > 1 for n in known) < 2:  # R wants a table with three axes
        return
    found = bench.ask(step).parts
    lower, upper = found.interval()
    yield (
        f"{name}mantel_haenszel_site",
        {
            "chisq": found.test.statistic,
            "p": found.test.p_value,
            "common_or": found.odds_ratio,
            "lower": lower,
            "upper": upper,
        },
    )


def patients_with(code: str, cohort: Cohort) -> int:
    """Count a hospital's patients with a level."""
    return int((cohort.values[code] >= 0).sum())


def _chi_square(cells: Counts) -> dict[str, Any]:
    test = tables.chi_square(cells)
    smallest = int(cells.sum(axis=1).min()) * int(cells.sum(axis=0).min())
    return {
        "chisq_nocorrect": test.statistic,
        "p_nocorrect": test.p_value,
        "df": test.df,
        "min_expected": smallest / int(cells.sum()),
    }


def _two_by_two(test: tables.TwoByTwo) -> dict[str, Any]:
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


def _risk(test: tables.TwoByTwo) -> dict[str, Any]:
    (e0, e1), (n0, n1) = test.events, test.n
    difference = test.risk_difference
    # Where neither risk varies `prop.test` prints the difference thrice.
    limits = [
        difference.estimate if math.isnan(x) else x for x in (difference.lower, difference.upper)
    ]
    return {
        "p1": e1 / n1,
        "p0": e0 / n0,
        "rd_wald": {"est": difference.estimate, "lower": limits[0], "upper": limits[1]},
        "clopper_pearson_arm1": tables.clopper_pearson(e1, n1),
        "clopper_pearson_arm0": tables.clopper_pearson(e0, n0),
        "wilson_arm1": tables.wilson(e1, n1),
    }  # fmt: skip


def _by_arm(numbers: Iterator[Any]) -> dict[str, Any]:
    return dict(zip(ARMS, numbers, strict=True))
