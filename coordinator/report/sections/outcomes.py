"""Endpoints with a time in all populations: absolute numbers, ratios, subgroups."""

import math

from coordinator.report.blocks import Block, Figure, Row, Section, Table, Text
from coordinator.report.choice import (
    effective,
    hazard_ratio,
    level_label,
    log_rank,
    log_rank_p,
    main_population,
    population_label,
)
from coordinator.report.figures.forest import ForestRow, forest
from coordinator.report.wording import (
    absent,
    count,
    decimal,
    interval,
    moment,
    months,
    p_phrase,
    percent,
    span_unit,
    stacked,
    stacked_percent,
    weight,
)
from protocol.results.model import Results
from protocol.results.values.binary import BinaryResult
from protocol.results.values.estimates import Estimate, HazardRatio, LogRankTest
from protocol.results.values.propensity import MatchedDesign
from protocol.results.values.survival import LandmarkPoint, QuantilePoint, SurvivalResult

ABSENT = "–"


def survival_section(results: Results) -> Section:
    """Tabulate every endpoint with a time in every population."""
    whole = [found for found in results.survival if not found.level]
    endpoints = list(dict.fromkeys(found.endpoint for found in whole))
    if not endpoints:
        return Section("outcomes", "Outcomes", (Text(("The plan has no endpoint with a time.",)),))
    blocks: list[Block] = [
        _forest_figure(results, whole, "populations"),
        _ratios(results, whole),
        *(_absolute(results, [r for r in whole if r.endpoint == name]) for name in endpoints),
    ]
    if len(results.designs) > 1:
        blocks.append(_designs(results, whole, endpoints))
    main = main_population(results)
    levels = [r for r in results.survival if r.level and main and r.population == main.name]
    if levels:
        blocks.append(_forest_figure(results, levels, "subgroups"))
    if results.interactions:
        blocks.append(_interactions(results))
    return Section("outcomes", "Outcomes in all populations", tuple(blocks))


def estimand(results: Results, name: str) -> str:
    """Say whom a population's comparison is about."""
    return next((card.estimand for card in results.populations if card.name == name), "")


def named(results: Results, name: str) -> str:
    """Write a population and its estimand on one line."""
    return f"{population_label(results, name)}: {estimand(results, name)}"


def population_cell(results: Results, name: str, level: str = "") -> str:
    """Write a population with its estimand on a second line."""
    within = f", {level_label(results, level)}" if level else ""
    return f"{population_label(results, name)}{within}\n{estimand(results, name)}"


def size_line(results: Results, found: SurvivalResult | BinaryResult, side: str) -> str:
    """Write an arm's effective sample size as a further line; nothing where there is none.

    Weights are summed up for whole populations: a subgroup has no size of its own, nor have those
    assessed where some are not.
    """
    whole = not found.level and getattr(found.unassessed, side) == 0
    sizes = effective(results, found.population) if whole else None
    return f"\nESS {weight(getattr(sizes, side))}" if sizes else ""


_ROBUST = (
    "Weighted populations: events and n are of patients, everything else is weighted with robust "
    "errors; log-rank tests marked so are Xie and Liu's. ESS: effective sample size, (Σw)²/Σw²."
)


def _with_robust(results: Results, found: list[SurvivalResult], *notes: str) -> tuple[str, ...]:
    weighted = any(effective(results, one.population) for one in found)
    return (*notes, _ROBUST) if weighted else notes


def _absolute(results: Results, found: list[SurvivalResult]) -> Table:
    """Write survival at landmarks by arm, with the difference below."""
    unit = results.study.time_unit
    landmarks = [point.time for point in found[0].landmarks.treated]
    header = (
        *("Population and arm", "Events / n"),
        *(f"At {moment(time, unit)}" for time in landmarks),
        *(f"Median,\n{span_unit(unit)}", f"Follow-up,\n{span_unit(unit)}"),
    )
    rows: list[Row] = []
    for one in found:
        rows.append(Row((named(results, one.population),), "heading"))
        rows += [_arm_row(results, one, "treated"), _arm_row(results, one, "comparator")]
        if one.landmark_contrasts:
            rows.append(_difference_row(one))
    return Table(
        f"{found[0].label}: absolute numbers",
        header,
        tuple(rows),
        notes=_with_robust(
            results,
            found,
            "Kaplan-Meier with 95 % log-log intervals, read at the plan's times. Differences: "
            "treated less comparator in percentage points, Greenwood's variance; P on the "
            "log(-log) scale. Follow-up: reverse Kaplan-Meier.",
        ),
    )


def _arm_row(results: Results, found: SurvivalResult, side: str) -> Row:
    unit = results.study.time_unit
    follow_up = getattr(found.follow_up, side)
    events, n = getattr(found.events, side), getattr(found.patients, side)
    cells = (
        getattr(results.study.arms, side),
        f"{count(events)} / {count(n)}{size_line(results, found, side)}",
        *(_landmark(point) for point in getattr(found.landmarks, side)),
        _median(getattr(found.quantiles, side), unit),
        absent(follow_up, "not reached")
        if math.isnan(follow_up)
        else decimal(months(follow_up, unit), 1),
    )
    return Row(cells, "level")


def _median(points: tuple[QuantilePoint, ...], unit: str) -> str:
    point = next((p for p in points if p.share == 0.5), None)
    if point is None or math.isnan(point.estimate):
        return absent(point.estimate, "not reached") if point else "not reached"
    estimate, low, high = (
        months(time, unit) for time in (point.estimate, point.conf_low, point.conf_high)
    )
    return stacked(estimate, low, high, 1)


def _landmark(point: LandmarkPoint) -> str:
    drawn = next((limits for limits in point.limits if limits.kind == "log-log"), None)
    if math.isnan(point.survival):
        return absent(point.survival, "not followed so long")
    if drawn is None:
        return percent(point.survival)
    return stacked_percent(point.survival, drawn.conf_low, drawn.conf_high)


def _difference_row(found: SurvivalResult) -> Row:
    cells = [
        f"{points(contrast.difference)}\n{p_phrase(contrast.p_value_cloglog)}"
        for contrast in found.landmark_contrasts
    ]
    return Row(("Difference, % points", "", *cells, "", ""), "minor")


def points(d: Estimate) -> str:
    """Write a difference of shares in percentage points, its limits on a second line."""
    return stacked(100 * d.estimate, 100 * d.conf_low, 100 * d.conf_high, 1)


def _ratios(results: Results, found: list[SurvivalResult]) -> Table:
    unit = results.study.time_unit
    header = (
        *("Population", "Events / n\ntreated", "Events / n\ncomparator"),
        *("HR\nP: log-rank", "HR by hospital\nP: log-rank", "HR, pair-robust\nP: Wald test"),
        f"Mean time gained\n{span_unit(unit)}",
    )
    rows: list[Row] = []
    for one in found:
        if one.endpoint not in {r.endpoint for r in found[: found.index(one)]}:
            rows.append(Row((one.label,), "heading"))
        rows.append(
            Row((population_cell(results, one.population), *_ratio_cells(results, one, unit)))
        )
    return Table(
        "Comparison of the arms",
        header,
        tuple(rows),
        notes=_with_robust(
            results,
            found,
            "Hazard ratios of treated against comparator by Cox regression, Efron's ties, with "
            "95 % intervals. By hospital: hazards of each hospital's own. Pair-robust: "
            "variance that allows for matched pairs to resemble each other. Mean time gained: area "
            "between the curves up to the plan's horizon.",
        ),
    )


def _gain(found: SurvivalResult, unit: str) -> str:
    if found.mean_time is None:
        return ABSENT
    gain = found.mean_time.difference
    estimate, low, high = (
        months(time, unit) for time in (gain.estimate, gain.conf_low, gain.conf_high)
    )
    return f"{stacked(estimate, low, high, 1)}\n{p_phrase(gain.p_value)}"


def _ratio_cells(results: Results, found: SurvivalResult, unit: str) -> tuple[str, ...]:
    e, n = found.events, found.patients
    first = hazard_ratio(found)
    return (
        f"{count(e.treated)} / {count(n.treated)}{size_line(results, found, 'treated')}",
        f"{count(e.comparator)} / {count(n.comparator)}{size_line(results, found, 'comparator')}",
        _ratio(first, log_rank(found)) if first else "not estimable",
        _ratio(hazard_ratio(found, "efron by hospital"), log_rank(found, by_hospital=True)),
        _ratio(hazard_ratio(found, "efron pair-robust"), None),
        _gain(found, unit),
    )


def _ratio(ratio: HazardRatio | None, test: LogRankTest | None) -> str:
    """Write a ratio over its interval over a P value: the test's, or the ratio's own."""
    if ratio is None:
        return ABSENT
    p = log_rank_p(test) if test else f"{p_phrase(ratio.p_value)} (Wald)"
    return f"{stacked(ratio.hazard_ratio, ratio.conf_low, ratio.conf_high)}\n{p}"


def _forest_figure(results: Results, found: list[SurvivalResult], what: str) -> Figure:
    arms = results.study.arms
    rows: list[ForestRow] = []
    for one in found:
        if one.endpoint not in {r.endpoint for r in found[: found.index(one)]}:
            rows.append(ForestRow(one.label, heading=True))
        population = population_label(results, one.population)
        label = level_label(results, one.level) if one.level else population
        rows.append(_forest_row(one, hazard_ratio(one), label))
        by_hospital = hazard_ratio(one, "efron by hospital")
        if by_hospital is not None:
            rows.append(_forest_row(one, by_hospital, "stratified by hospital", minor=True))
    drawn = sum(row.drawn for row in rows)
    return Figure(
        name=f"forest-{what}",
        title=f"Hazard ratios across {what}",
        svg=forest(tuple(rows), arms.treated, arms.comparator).svg(),
        alt=f"Forest plot of {drawn} hazard ratios of {arms.treated} against {arms.comparator}.",
        caption=(
            "Boxes: hazard ratio with its 95 % interval, the larger the more precise. Filled: one "
            "hazard over all hospitals; hollow: stratified by hospital. Lines are not independent: "
            "they share patients. Estimates of single hospitals were never computed centrally."
            f"{_robust_intervals(results, found)}"
        ),
        table=_forest_table(rows),
    )


def _designs(results: Results, found: list[SurvivalResult], endpoints: list[str]) -> Table:
    """Set designs side by side: what another caliper, method or ratio makes of each answer."""
    labels = {one.endpoint: one.label for one in found}
    of = {(one.population, one.endpoint): hazard_ratio(one) for one in found}
    rows: list[Row] = []
    for design in results.designs:
        told = [
            stacked(hr.hazard_ratio, hr.conf_low, hr.conf_high) if hr else ABSENT
            for hr in (of.get((design.name, endpoint)) for endpoint in endpoints)
        ]
        n = design.matched
        size = "left out" if design.reason else f"{count(n.treated)} v {count(n.comparator)}"
        rows.append(Row((named(results, design.name), caliper(design), size, *told)))
    note = (
        "Designs are sensitivity analyses of each other; they share patients. The first is the "
        "main one. Their balance stands with the matched populations."
    )
    header = ("Design", "Caliper", "Matched", *(f"HR, {labels[name]}" for name in endpoints))
    return Table("Sensitivity to the caliper and the design", header, tuple(rows), notes=(note,))


def caliper(design: MatchedDesign) -> str:
    """Write a caliper in standard deviations of the logit, or that there is none."""
    return "none" if math.isinf(design.caliper) else f"{decimal(design.caliper_sd)} SD"


def _interactions(results: Results) -> Table:
    """Tabulate whether hazard ratios differ between the levels of each subgroup."""
    rows = [
        Row(
            (
                f"{one.label}\n{named(results, one.population)}",
                ", ".join(level_label(results, level) for level in one.levels),
                f"{p_phrase(one.test.p_value)}\n{decimal(one.test.statistic, 1)} on {one.test.df}",
            )
        )
        for one in results.interactions
    ]
    note = (
        "Likelihood ratio of the products of arm and level in Cox's model with one baseline "
        "hazard, over the levels that are shown; where patients weigh, the spread of the levels' "
        "log hazard ratios over their robust errors. Levels are compared by this test, not by "
        "whether their own intervals hold 1."
    )
    header = ("Endpoint and population", "Levels", "P, interaction\nχ²")
    return Table("Do subgroups differ?", header, tuple(rows), notes=(note,))


def _robust_intervals(results: Results, found: list[SurvivalResult]) -> str:
    weighted = any(effective(results, one.population) for one in found)
    return " Intervals of weighted populations are robust." if weighted else ""


def _forest_row(
    found: SurvivalResult, hr: HazardRatio | None, label: str, *, minor: bool = False
) -> ForestRow:
    events = found.events.treated + found.events.comparator
    patients = found.patients.treated + found.patients.comparator
    told = f"{count(events)} / {count(patients)}"
    if hr is None:
        return ForestRow(label, told, reason=found.not_estimable or "not estimable")
    return ForestRow(
        label,
        told,
        hr.hazard_ratio,
        hr.conf_low,
        hr.conf_high,
        hr.std_error,
        minor=minor,
    )


def _forest_table(rows: list[ForestRow]) -> Table:
    told = [
        Row((row.label,), "heading")
        if row.heading
        else Row(
            (
                row.label,
                row.events,
                row.reason or interval(row.hazard_ratio, row.conf_low, row.conf_high),
            )
        )
        for row in rows
    ]
    return Table("Hazard ratios", ("", "Events / n", "HR (95 % CI)"), tuple(told))
