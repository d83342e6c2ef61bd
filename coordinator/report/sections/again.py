"""Outcomes worked out again: on coarser time grids, between levels, and doubly robustly."""

import math

from coordinator.report.blocks import Block, Row, Section, Table, Text
from coordinator.report.choice import hazard_ratio, population_label
from coordinator.report.wording import (
    decimal,
    interval,
    moment,
    months,
    p_value,
    percent,
    span_unit,
    stacked_percent,
)
from protocol.results.model import Results
from protocol.results.values.binary import DoublyRobust
from protocol.results.values.estimates import HazardRatio, Test
from protocol.results.values.sensitivity import GridEstimates, TimeGrids

ABSENT = "–"
GRIDS = {
    "as asked": "as in the results",
    "month": "month",
    "quarter": "quarter",
    "half-year": "half-year",
    "year": "year",
}


def again_section(results: Results) -> Section | None:
    """Tell what was worked out in further ways; None if nothing was."""
    blocks: list[Block] = []
    if results.doubly_robust:
        blocks += _doubly_robust(results.doubly_robust)
    if any(hazard_ratio(one, "efron stacked") for one in results.survival):
        blocks.append(_stacked(results))
    if results.levels:
        blocks.append(_levels(results))
    blocks += [_grids(results, found) for found in results.time_grids]
    return Section("again", "Further comparisons", tuple(blocks)) if blocks else None


def _doubly_robust(found: tuple[DoublyRobust, ...]) -> list[Block]:
    told = [one for one in found if not one.stopped]
    rows = tuple(
        Row(
            (
                one.label,
                *(_share(getattr(one.risk, side)) for side in ("treated", "comparator")),
                _points(one),
                interval(
                    one.risk_ratio.estimate, one.risk_ratio.conf_low, one.risk_ratio.conf_high
                ),
                p_value(one.risk_difference.p_value),
            )
        )
        for one in told
    )
    header = (
        *("Outcome", "Risk if all\ntreated", "Risk if all\ncomparator"),
        *("Difference\n% points", "Risk ratio", "P"),
    )
    note = (
        "Estimand: all patients with complete covariates whose outcome is known. Augmented inverse "
        "probability weighting: right if the propensity model or the models of the outcome are."
    )
    blocks: list[Block] = []
    if rows:
        blocks.append(Table("Doubly robust risks", header, rows, notes=(note,)))
    stopped = tuple(
        f"{o.label}: no doubly robust estimate: {o.stopped}." for o in found if o.stopped
    )
    return [*blocks, Text(stopped)] if stopped else blocks


def _share(found: object) -> str:
    estimate, low, high = (getattr(found, name) for name in ("estimate", "conf_low", "conf_high"))
    return stacked_percent(estimate, low, high)


def _points(found: DoublyRobust) -> str:
    d = found.risk_difference
    return interval(100 * d.estimate, 100 * d.conf_low, 100 * d.conf_high, 1)


def _stacked(results: Results) -> Table:
    header = ("Endpoint and population", "HR, score known", "HR, score estimated", "P")
    rows = []
    for one in results.survival:
        known, estimated = (hazard_ratio(one, f"efron {kind}") for kind in ("robust", "stacked"))
        if known and estimated:
            name = f"{one.label}\n{population_label(results, one.population)}"
            rows.append(Row((name, _ratio(known), _ratio(estimated), p_value(estimated.p_value))))
    note = (
        "The same weighted hazard ratios, Efron's ties. The robust error takes the propensity as "
        "known; the stacked one lets each patient move the score's model too."
    )
    return Table("Weighted ratios with the score estimated", header, tuple(rows), notes=(note,))


def _levels(results: Results) -> Table:
    header = ("Endpoint and population", "Levels", "P, hazards\ndiffer", "P, trend over\nlevels")
    rows = tuple(
        Row(
            (
                f"{one.label}\n{population_label(results, one.population)}",
                f"{one.variable}: {', '.join(one.levels)}",
                _both(one.differ, one.differ_by_arm),
                _both(one.trend, one.trend_by_arm),
            )
        )
        for one in results.levels
    )
    note = (
        "Log-rank tests of all levels at once, and of a hazard that rises or falls with the number "
        "of the level; second lines: stratified by arm. They tell how levels fare, not whether the "
        "treatment acts differently in them."
    )
    return Table("Do levels fare differently?", header, rows, notes=(note,))


def _both(whole: Test | None, within: Test | None) -> str:
    if whole is None or within is None:
        return ABSENT
    return f"{p_value(whole.p_value)}\n{p_value(within.p_value)} by arm"


def _grids(results: Results, found: TimeGrids) -> Table:
    unit = results.study.time_unit
    header = (
        "Grid",
        *(f"Survival at {moment(time, unit)}\ntreated v comparator" for time in found.times),
        *("P, log-rank", "HR, Efron", "HR, Breslow", f"Mean time gained,\n{span_unit(unit)}"),
    )
    rows = tuple(Row((GRIDS[one.grid], *_grid_cells(one, unit))) for one in found.grids)
    note = (
        "From the same tables, times moved up to the grid. On wider grids survival between ends of "
        "cells is read too high, a gain in mean time shrinks, and more events are ties: Breslow's "
        "correction moves the ratio towards 1, Efron's hardly."
    )
    label = population_label(results, found.population)
    return Table(f"{found.label} on coarser grids: {label}", header, rows, notes=(note,))


def _grid_cells(one: GridEstimates, unit: str) -> tuple[str, ...]:
    pairs = zip(one.survival.treated, one.survival.comparator, strict=True)
    gain = months(one.mean_time.estimate, unit) if one.mean_time else math.nan
    return (
        *(f"{percent(treated)} v {percent(comparator)}" for treated, comparator in pairs),
        p_value(one.log_rank.p_value),
        _ratio(one.efron),
        _ratio(one.breslow),
        ABSENT if math.isnan(gain) else decimal(gain),
    )


def _ratio(hr: HazardRatio | None) -> str:
    return interval(hr.hazard_ratio, hr.conf_low, hr.conf_high) if hr else ABSENT
