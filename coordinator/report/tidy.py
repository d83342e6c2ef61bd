"""Results as tidy tables: one observation a row, with the column names of R's `broom`.

A column that does not apply is empty. Contrasts are treated against comparator.
"""

from collections.abc import Iterator
from typing import TypeVar

from coordinator.report.estimates import Cell, Table, estimates
from protocol.results.model import Results
from protocol.results.values.causes import IncidenceCurvePoints
from protocol.results.values.estimates import Pair
from protocol.results.values.survival import CurvePoints

T = TypeVar("T")

TABLES = (
    "estimates.csv",
    "curves.csv",
    "incidence.csv",
    "table1.csv",
    "table1_tests.csv",
    "balance.csv",
    "imputed.csv",
    "propensity.csv",
    "flow.csv",
    "leaving.csv",
)
"""The tables' file names; a table with nothing to hold is a header alone."""


def tidy_tables(results: Results) -> dict[str, Table]:
    """Lay out all results, file name to table."""
    laid_out = (
        estimates(results),
        _curves(results),
        _incidence(results),
        _table_one(results),
        _arm_tests(results),
        _balance(results),
        _imputed(results),
        _propensity(results),
        _flow(results),
        _leaving(results),
    )
    marked = (_marked(table, results.study.simulated) for table in laid_out)
    return dict(zip(TABLES, marked, strict=True))


def _marked(table: Table, simulated: bool) -> Table:
    """Say in every row whether all rows of patients were on one machine."""
    mark = "yes" if simulated else "no"
    return Table((*table.header, "simulated"), tuple((*row, mark) for row in table.rows))


def _curves(results: Results) -> Table:
    header = (
        *("endpoint", "population", "level", "arm", "time", "n_risk", "n_event", "n_censor"),
        *("estimate", "std_error", "conf_low", "conf_high", "cumulative_hazard"),
    )
    rows: list[tuple[Cell, ...]] = [
        (found.endpoint, found.population, found.level, arm, *point)
        for found in results.survival
        for arm, curve in _by_arm(found.curves, results.study.arms)
        for point in _points(curve)
    ]
    return Table(header, tuple(rows))


def _points(curve: CurvePoints) -> Iterator[tuple[float, ...]]:
    return zip(
        curve.times,
        curve.at_risk,
        curve.events,
        curve.censored,
        curve.survival,
        curve.std_error,
        curve.conf_low,
        curve.conf_high,
        curve.cumulative_hazard,
        strict=True,
    )


def _incidence(results: Results) -> Table:
    header = (
        *("endpoint", "population", "cause", "arm", "time", "n_risk", "n_event"),
        *("estimate", "std_error", "conf_low", "conf_high"),
    )
    rows: list[tuple[Cell, ...]] = [
        (found.endpoint, found.population, cause.cause, arm, *point)
        for found in results.competing
        for cause in found.causes
        for arm, curve in _by_arm(cause.curves, results.study.arms)
        for point in _incidence_points(curve)
    ]
    return Table(header, tuple(rows))


def _incidence_points(curve: IncidenceCurvePoints) -> Iterator[tuple[float, ...]]:
    return zip(
        curve.times,
        curve.at_risk,
        curve.events,
        curve.incidence,
        curve.std_error,
        curve.conf_low,
        curve.conf_high,
        strict=True,
    )


def _by_arm(pair: Pair[T], arms: Pair[str]) -> tuple[tuple[str, T], ...]:
    return (arms.comparator, pair.comparator), (arms.treated, pair.treated)


def _table_one(results: Results) -> Table:
    header = (
        *("population", "variable", "label", "level", "unit", "arm", "n", "missing", "mean", "sd"),
        *("lower_quartile", "median", "upper_quartile", "share", "smd"),
    )
    arms = results.study.arms
    rows: list[tuple[Cell, ...]] = [
        (
            *(table.population, row.variable, row.label, row.level, row.unit, arm),
            *(one.patients, one.missing, one.mean, one.sd),
            *(one.lower_quartile, one.median, one.upper_quartile, one.share, row.smd),
        )
        for table in results.table_one
        for row in table.rows
        for arm, one in ((arms.comparator, row.arms.comparator), (arms.treated, row.arms.treated))
    ]
    return Table(header, tuple(rows))


def _arm_tests(results: Results) -> Table:
    header = ("population", "variable", "method", "statistic", "df", "p_value", "quoted")
    rows: list[tuple[Cell, ...]] = [
        (
            *(table.population, test.variable, test.method, test.statistic, test.df),
            *(test.p_value, "yes" if test.quoted else "no"),
        )
        for table in results.table_one
        for test in table.tests
    ]
    return Table(header, tuple(rows))


def _balance(results: Results) -> Table:
    header = (
        *("population", "term", "label", "mean_comparator", "mean_treated", "smd"),
        *("smd_sample_sd", "smd_treated_sd", "variance_ratio"),
    )
    rows = [
        (
            *(row.population, row.column, row.label, row.means.comparator, row.means.treated),
            *(row.smd, row.smd_sample_sd, row.smd_treated_sd, row.variance_ratio),
        )
        for row in results.balance
    ]
    return Table(header, tuple(rows))


def _imputed(results: Results) -> Table:
    header = (
        *("population", "endpoint", "term", "time", "estimate", "std_error", "conf_low"),
        *("conf_high", "p_value", "df", "missing_information", "imputations"),
    )
    found = results.imputation
    if found is None:
        return Table(header, ())
    rows: list[tuple[Cell, ...]] = [
        (
            *(one.population, one.endpoint, one.term, one.time, one.estimate, one.std_error),
            *(one.conf_low, one.conf_high, one.p_value, one.df, one.missing_information),
            found.imputations,
        )
        for one in found.estimates
    ]
    return Table(header, tuple(rows))


def _propensity(results: Results) -> Table:
    header = (
        *("term", "label", "estimate", "std_error", "conf_low", "conf_high", "statistic"),
        *("p_value", "n"),
    )
    model = results.propensity
    rows: list[tuple[Cell, ...]] = [
        (
            *(c.term, c.label, c.estimate, c.std_error, c.conf_low, c.conf_high, c.statistic),
            *(c.p_value, model.patients if model else 0),
        )
        for c in (model.coefficients if model else ())
    ]
    return Table(header, tuple(rows))


def _flow(results: Results) -> Table:
    flow, arms = results.flow, results.study.arms
    rows: list[tuple[Cell, ...]] = [("rows", "", "", flow.rows)]
    rows += [("excluded", one.reason, "", one.rows) for one in flow.excluded]
    rows += _both("in the study", "", flow.patients, arms)
    rows += _both("complete covariates", "", flow.complete, arms)
    for one in flow.missing:
        rows += _both("missing", one.variable, one.patients, arms)
    for design in results.designs:
        rows += _both("matched", design.name, design.matched, arms)
        rows += _both("not matched", design.name, design.left_out, arms)
    return Table(("stage", "detail", "arm", "n"), tuple(rows))


def _both(stage: str, detail: str, pair: Pair[int], arms: Pair[str]) -> list[tuple[Cell, ...]]:
    return [
        (stage, detail, arms.comparator, pair.comparator),
        (stage, detail, arms.treated, pair.treated),
    ]


def _leaving(results: Results) -> Table:
    header = ("trip", "step", "key", "what", "numbers", "bytes", "about")
    rows = [
        (one.trip, one.step, one.key, one.what, one.numbers, one.bytes, str(one.about).lower())
        for one in results.leaving
    ]
    return Table(header, tuple(rows))
