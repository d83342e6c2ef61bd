"""Other ways to make the arms comparable: strata of the score, and adjustment for covariates."""

import math

from coordinator.report.blocks import Block, Row, Section, Table, Text
from coordinator.report.sections.hospitals import odds_table
from coordinator.report.wording import (
    count,
    decimal,
    interval,
    moment,
    p_phrase,
    p_value,
    stacked_percent,
)
from protocol.results.model import Results
from protocol.results.values.strata import ScoreStratification, StratifiedSurvival
from protocol.results.values.survival import AdjustedResult


def strata_section(results: Results) -> Section | None:
    """Tell comparisons within strata of the score, and adjusted ones; None if there are none."""
    blocks: list[Block] = []
    if results.stratification is not None:
        blocks += _strata(results, results.stratification)
    for found in results.adjusted:
        blocks.append(_adjusted(found))
    if not blocks:
        return None
    return Section("strata", "Stratified and adjusted comparisons", tuple(blocks))


def _strata(results: Results, found: ScoreStratification) -> list[Block]:
    blocks: list[Block] = [_sizes(results, found)]
    if found.survival:
        blocks.append(_survival(results, found))
    if found.odds:
        blocks.append(odds_table(results, found.odds, "strata"))
    return blocks


def _sizes(results: Results, found: ScoreStratification) -> Table:
    arms = results.study.arms
    header = ("Stratum, by logit score", arms.treated, arms.comparator, "Largest |SMD| within")
    rows = []
    for place, one in enumerate(found.strata):
        smds = [abs(row.smds[place]) for row in found.balance if not math.isnan(row.smds[place])]
        largest = decimal(max(smds)) if smds else "–"
        rows.append(
            Row(
                (
                    _range(one.low, one.high),
                    count(one.patients.treated),
                    count(one.patients.comparator),
                    largest,
                )
            )
        )
    note = (
        "Complete cases, cut at bins of the score into strata of about equal size. SMDs within a "
        "stratum are over the SD of all; in small strata they are mostly chance."
    )
    return Table(f"Strata: {found.label}", header, tuple(rows), notes=(note,))


def _range(low: float, high: float) -> str:
    if math.isinf(low):
        return f"up to {decimal(high)}"
    return f"above {decimal(low)}" if math.isinf(high) else f"{decimal(low)} to {decimal(high)}"


def _survival(results: Results, found: ScoreStratification) -> Table:
    arms, unit = results.study.arms, results.study.time_unit
    times = list(dict.fromkeys(p.time for one in found.survival for p in one.landmarks.treated))
    header = (
        *("Endpoint", "HR within strata", "P, log-rank\nwithin strata"),
        *(f"{arm} at\n{moment(t, unit)}" for t in times for arm in (arms.treated, arms.comparator)),
    )
    rows = tuple(Row((one.label, *_cells(one, times))) for one in found.survival)
    note = (
        "Hazards of each stratum's own, Efron's ties. Survival is standardised: each arm as if it "
        "were spread over the strata as all patients are; 95 % log-log intervals."
    )
    return Table("Endpoints with a time, within strata", header, rows, notes=(note,))


def _cells(one: StratifiedSurvival, times: list[int]) -> tuple[str, ...]:
    hr = next(iter(one.hazard_ratios), None)
    told = interval(hr.hazard_ratio, hr.conf_low, hr.conf_high) if hr else one.not_estimable
    points = []
    for time in times:
        for side in (one.landmarks.treated, one.landmarks.comparator):
            here = next((p for p in side if p.time == time), None)
            limits = here.limits[0] if here else None
            points.append(
                stacked_percent(here.survival, limits.conf_low, limits.conf_high)
                if here and limits
                else "–"
            )
    return told, p_value(one.log_rank.test.p_value), *points


def _adjusted(found: AdjustedResult) -> Table | Text:
    if found.stopped:
        return Text((f"{found.label}: there is no adjusted hazard ratio: {found.stopped}.",))
    rows = tuple(
        Row(
            (
                term.label,
                interval(term.ratio.hazard_ratio, term.ratio.conf_low, term.ratio.conf_high),
                p_phrase(term.ratio.p_value),
            )
        )
        for term in found.terms
    )
    note = (
        f"{count(found.events)} events of {count(found.patients)} patients with complete "
        "covariates. Cox regression with hazards of each hospital's own, Efron's ties; a ratio is "
        "for one unit more of its column, all others alike. Those of covariates are no effects."
    )
    header = ("", "Adjusted hazard ratio (95 % CI)", "P")
    return Table(f"{found.label}, adjusted for covariates", header, rows, notes=(note,))
