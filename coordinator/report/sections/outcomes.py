"""All outcomes in all populations: absolute numbers, ratios, subgroups, and binary outcomes."""

import math

from coordinator.report.blocks import Block, Figure, More, Row, Section, Table, Text
from coordinator.report.choice import (
    hazard_ratio,
    level_label,
    log_rank,
    main_population,
    population_label,
)
from coordinator.report.figures.forest import ForestRow, forest
from coordinator.report.wording import (
    count,
    decimal,
    interval,
    moment,
    months,
    p_phrase,
    p_value,
    percent,
    span_unit,
    stacked,
    stacked_percent,
)
from protocol.results.model import (
    BinaryResult,
    Estimate,
    HazardRatio,
    LandmarkPoint,
    LogRankTest,
    QuantilePoint,
    Results,
    SurvivalResult,
)

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
    main = main_population(results)
    levels = [r for r in results.survival if r.level and main and r.population == main.name]
    if levels:
        blocks.append(_forest_figure(results, levels, "subgroups"))
    return Section("outcomes", "Outcomes in all populations", tuple(blocks))


def _estimand(results: Results, name: str) -> str:
    return next((card.estimand for card in results.populations if card.name == name), "")


def _population_cell(results: Results, name: str, level: str = "") -> str:
    within = f", {level_label(results, level)}" if level else ""
    return f"{population_label(results, name)}{within}\n{_estimand(results, name)}"


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
        name = f"{population_label(results, one.population)}: {_estimand(results, one.population)}"
        rows.append(Row((name,), "heading"))
        rows += [_arm_row(results, one, "treated"), _arm_row(results, one, "comparator")]
        if one.landmark_contrasts:
            rows.append(_difference_row(one))
    return Table(
        f"{found[0].label}: absolute numbers",
        header,
        tuple(rows),
        notes=(
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
        f"{count(events)} / {count(n)}",
        *(_landmark(point) for point in getattr(found.landmarks, side)),
        _median(getattr(found.quantiles, side), unit),
        "not reached" if math.isnan(follow_up) else decimal(months(follow_up, unit), 1),
    )
    return Row(cells, "level")


def _median(points: tuple[QuantilePoint, ...], unit: str) -> str:
    point = next((p for p in points if p.share == 0.5), None)
    if point is None or math.isnan(point.estimate):
        return "not reached"
    estimate, low, high = (
        months(time, unit) for time in (point.estimate, point.conf_low, point.conf_high)
    )
    return stacked(estimate, low, high, 1)


def _landmark(point: LandmarkPoint) -> str:
    drawn = next((limits for limits in point.limits if limits.kind == "log-log"), None)
    if math.isnan(point.survival):
        return "not followed so long"
    if drawn is None:
        return percent(point.survival)
    return stacked_percent(point.survival, drawn.conf_low, drawn.conf_high)


def _difference_row(found: SurvivalResult) -> Row:
    cells = [
        f"{_points(contrast.difference)}\n{p_phrase(contrast.p_value_cloglog)}"
        for contrast in found.landmark_contrasts
    ]
    return Row(("Difference, % points", "", *cells, "", ""), "minor")


def _points(d: Estimate) -> str:
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
        rows.append(Row((_population_cell(results, one.population), *_ratio_cells(one, unit))))
    return Table(
        "Comparison of the arms",
        header,
        tuple(rows),
        notes=(
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


def _ratio_cells(found: SurvivalResult, unit: str) -> tuple[str, ...]:
    e, n = found.events, found.patients
    first = hazard_ratio(found)
    return (
        f"{count(e.treated)} / {count(n.treated)}",
        f"{count(e.comparator)} / {count(n.comparator)}",
        _ratio(first, log_rank(found)) if first else "not estimable",
        _ratio(hazard_ratio(found, "efron by hospital"), log_rank(found, by_hospital=True)),
        _ratio(hazard_ratio(found, "efron pair-robust"), None),
        _gain(found, unit),
    )


def _ratio(ratio: HazardRatio | None, test: LogRankTest | None) -> str:
    """Write a ratio over its interval over a P value: the test's, or the ratio's own."""
    if ratio is None:
        return ABSENT
    p = p_phrase(test.test.p_value) if test else f"{p_phrase(ratio.p_value)} (Wald)"
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
        svg=forest(tuple(rows), arms.treated, arms.comparator),
        alt=f"Forest plot of {drawn} hazard ratios of {arms.treated} against {arms.comparator}.",
        caption=(
            "Boxes: hazard ratio with its 95 % interval, the larger the more precise. Filled: one "
            "hazard over all hospitals; hollow: stratified by hospital. Lines are not independent: "
            "they share patients. Estimates of single hospitals were never computed centrally."
        ),
        table=_forest_table(rows),
    )


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


def binary_section(results: Results) -> Section | None:
    """Tabulate outcomes without a time, subgroups folded away; None if the plan has none."""
    if not results.binary:
        return None
    title = "Outcomes without a time"
    whole = [found for found in results.binary if not found.level]
    levels = [found for found in results.binary if found.level]
    blocks: list[Block] = [_binary_table(results, whole, title)]
    if levels:
        inner = _binary_table(results, levels, f"{title}, by subgroup")
        blocks.append(More(f"{title}, by subgroup", (inner,)))
    return Section("binary", title, tuple(blocks))


def _binary_table(results: Results, found: list[BinaryResult], caption: str) -> Table:
    arms = results.study.arms
    header = (
        *("Population", arms.treated, arms.comparator, "Difference\n% points"),
        *("Risk ratio", "Odds ratio", "P\nχ²", "P\nFisher"),
    )
    rows: list[Row] = []
    for number, one in enumerate(found):
        if number == 0 or found[number - 1].endpoint != one.endpoint:
            rows.append(Row((one.label,), "heading"))
        rows.append(Row((_population_cell(results, one.population, one.level), *_risks(one))))
    note = (
        "Patients with the outcome of those assessed; 95 % intervals below. χ²: Pearson's, "
        "uncorrected; Fisher: exact, two-sided."
    )
    return Table(caption, header, tuple(rows), notes=(note,))


def _risks(found: BinaryResult) -> tuple[str, ...]:
    d, rr, odds = found.risk_difference, found.risk_ratio, found.odds_ratio
    return (
        _share(found, "treated"),
        _share(found, "comparator"),
        _points(d),
        stacked(rr.estimate, rr.conf_low, rr.conf_high),
        stacked(odds.estimate, odds.conf_low, odds.conf_high),
        p_value(found.chi_square.p_value),
        p_value(found.fisher_p),
    )


def _share(found: BinaryResult, side: str) -> str:
    events, n = getattr(found.events, side), getattr(found.patients, side)
    unassessed = getattr(found.unassessed, side)
    more = f"\n{count(unassessed)} not assessed" if unassessed else ""
    return f"{count(events)} / {count(n)}\n{percent(getattr(found.risk, side))}{more}"


def checks_section(results: Results) -> Section | None:
    """Tell the tests of proportional hazards and the E-values; None if there are none."""
    tested = [r for r in results.survival if not r.level and r.proportional_hazards]
    blocks: list[Block] = []
    if tested:
        blocks.append(_proportional(results, tested))
    if valued := [r for r in results.survival if not r.level and r.e_value]:
        blocks.append(_e_values(results, valued))
    return Section("checks", "Checks of assumptions", tuple(blocks)) if blocks else None


def _proportional(results: Results, tested: list[SurvivalResult]) -> Table:
    transforms = [one.transform for one in tested[0].proportional_hazards]
    names = {"km": "1 − S(t)", "rank": "rank", "identity": "t", "log": "log t"}
    header = ("Endpoint and population", *(f"P, g = {names.get(t, t)}" for t in transforms))
    rows = tuple(
        Row(
            (
                f"{one.label}\n{population_label(results, one.population)}",
                *(p_value(test.test.p_value) for test in one.proportional_hazards),
            )
        )
        for one in tested
    )
    note = (
        "Score tests of a coefficient that changes with g(t), as R's cox.zph. A small P speaks "
        "against one constant hazard ratio; the survival differences and mean times hold all the "
        "same."
    )
    return Table("Proportional hazards", header, rows, notes=(note,))


def _e_values(results: Results, valued: list[SurvivalResult]) -> Table:
    rows = tuple(
        Row(
            (
                f"{one.label}\n{population_label(results, one.population)}",
                decimal(one.e_value.estimate),
                decimal(one.e_value.limit),
            )
        )
        for one in valued
        if one.e_value
    )
    note = (
        "How strongly, as a risk ratio, an unmeasured confounder would have to go with both arm "
        "and outcome to explain the estimate, or the limit nearer to no effect, away; 1 where the "
        "interval holds no effect already."
    )
    header = ("Endpoint and population", "For the estimate", "For the nearer limit")
    return Table("E-values", header, rows, notes=(note,))
