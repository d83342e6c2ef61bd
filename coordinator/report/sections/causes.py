"""Competing causes: cumulative incidence in the main population and in all patients."""

from collections.abc import Iterator

from coordinator.report.blocks import Block, Figure, Row, Section, Table, Text
from coordinator.report.choice import (
    competing_of,
    main_population,
    population_label,
    survival_of,
    unadjusted_population,
    weightings,
)
from coordinator.report.figures.incidence import (
    cause_label,
    curves_of,
    incidence,
    incidence_ticks,
)
from coordinator.report.sections.outcomes import named
from coordinator.report.wording import (
    count,
    list_of,
    moment,
    p_phrase,
    percent,
    stacked,
    stacked_percent,
)
from protocol.results.model import Results
from protocol.results.values.causes import CauseResult, CompetingResult, IncidencePoint
from protocol.results.values.estimates import HazardRatio, Pair

ABSENT = "–"
SIDES = ("treated", "comparator")


def causes_section(results: Results) -> Section | None:
    """Draw and tabulate endpoints with several causes; None if the plan has none."""
    if not results.competing:
        return None
    blocks: list[Block] = [Text((_READING, *_without(results)))]
    shown = [found for name in _names(results) for found in competing_of(results, name)]
    for endpoint in dict.fromkeys(found.endpoint for found in shown):
        here = [found for found in shown if found.endpoint == endpoint]
        blocks += [_figure(results, here[0]), _landmarks(results, here), _ratios(results, here)]
    return Section("causes", "Competing causes", tuple(blocks))


_READING = (
    "A cumulative incidence is the share of all patients who had this cause first, so the causes "
    "and those without any add up to 100 %. The cause-specific hazard ratio compares how fast "
    "patients still free of every cause meet this one; the subdistribution hazard ratio compares "
    "the incidences themselves, and moves with the other causes too."
)


def _names(results: Results) -> list[str]:
    cards = (main_population(results), unadjusted_population(results))
    return list(dict.fromkeys(card.name for card in cards if card))


def _without(results: Results) -> list[str]:
    """Say why there is nothing for a weighted main population."""
    main = main_population(results)
    if main is None or main.name not in {card.name for card in weightings(results)}:
        return []
    return ["Sums of weights do not tell causes apart, so only unweighted patients are shown."]


def _patients(results: Results, found: CompetingResult) -> Pair[int]:
    """Find who is compared: those of the endpoint's curves."""
    same = (r for r in survival_of(results, found.population) if r.endpoint == found.endpoint)
    return next((r.patients for r in same), Pair(0, 0))


def _figure(results: Results, found: CompetingResult) -> Figure:
    arms, n = results.study.arms, _patients(results, found)
    label = population_label(results, found.population)
    causes = list_of([cause_label(cause) for cause in found.causes])
    who = f"{label} ({count(n.treated)} v {count(n.comparator)} patients)"
    return Figure(
        name=f"incidence-{found.endpoint}-{found.population}",
        title=f"{found.label}: cumulative incidence by cause, {label[:1].lower()}{label[1:]}",
        svg=incidence(found, results.study).svg(),
        alt=f"Cumulative incidence of {causes}, {arms.treated} and {arms.comparator}. {who}.",
        caption=(
            f"{who}; Aalen and Johansen's estimate, 95 % log-log intervals. Drawn while a tenth of "
            "the patients is at risk; incidence.csv holds the rest."
        ),
        table=_figure_table(results, found),
    )


def _figure_table(results: Results, found: CompetingResult) -> Table:
    ticks, study = incidence_ticks(found, results.study), results.study
    rows: list[Row] = []
    for cause in found.causes:
        rows.append(Row((cause_label(cause),), "heading"))
        curves = curves_of(cause, study)
        for tick in ticks:
            told = [percent(curve.steps(tick)[1][-1]) for curve in curves]
            rows.append(Row((moment(tick, "month"), *told), "level"))
    header = ("Time", study.arms.treated, study.arms.comparator)
    return Table(f"{found.label}: cumulative incidence", header, tuple(rows))


def _landmarks(results: Results, found: list[CompetingResult]) -> Table:
    unit = results.study.time_unit
    times = [point.time for point in found[0].causes[0].landmarks.treated]
    header = ("Cause and arm", "Events / n", *(f"At {moment(time, unit)}" for time in times))
    rows: list[Row] = []
    for one in found:
        for cause in one.causes:
            name = f"{named(results, one.population)}; {cause_label(cause)}"
            rows.append(Row((name,), "heading"))
            rows += _arm_rows(results, cause, _patients(results, one))
    caption = f"{found[0].label}: cumulative incidence by cause"
    note = "Aalen and Johansen's estimate with 95 % log-log intervals, read at the plan's times."
    return Table(caption, header, tuple(rows), notes=(note,))


def _arm_rows(results: Results, cause: CauseResult, n: Pair[int]) -> Iterator[Row]:
    for side in SIDES:
        events = f"{count(getattr(cause.events, side))} / {count(getattr(n, side))}"
        told = (_point(point) for point in getattr(cause.landmarks, side))
        yield Row((getattr(results.study.arms, side), events, *told), "level")


def _point(point: IncidencePoint) -> str:
    return stacked_percent(point.incidence, point.conf_low, point.conf_high)


def _ratios(results: Results, found: list[CompetingResult]) -> Table:
    header = (
        *("Cause", "Events\ntreated", "Events\ncomparator", "Gray's test"),
        *("Cause-specific HR\nP: Wald test", "Subdistribution HR\nP: Wald test"),
    )
    rows: list[Row] = []
    for one in found:
        rows.append(Row((named(results, one.population),), "heading"))
        rows += [Row(_ratio_cells(cause), "level") for cause in one.causes]
    note = (
        "Ratios of treated against comparator with 95 % intervals. Gray's test: equal cumulative "
        "incidence, on a second line by hospital. Cause-specific: Cox regression, other causes as "
        "censorings, Efron's ties. Subdistribution: Fine and Gray's regression."
    )
    caption = f"{found[0].label}: comparison of the arms by cause"
    return Table(caption, header, tuple(rows), notes=(note,))


def _gray(cause: CauseResult) -> str:
    within = cause.gray_by_hospital
    more = f"\n{p_phrase(within.p_value)} by hospital" if within else ""
    return p_phrase(cause.gray.p_value) + more


def _ratio_cells(cause: CauseResult) -> tuple[str, ...]:
    return (
        cause_label(cause),
        count(cause.events.treated),
        count(cause.events.comparator),
        _gray(cause),
        _ratio(cause.cause_specific),
        _ratio(cause.subdistribution),
    )


def _ratio(found: HazardRatio | None) -> str:
    if found is None:
        return ABSENT
    told = stacked(found.hazard_ratio, found.conf_low, found.conf_high)
    return f"{told}\n{p_phrase(found.p_value)}"
