"""Survival curves of every endpoint: the main population, and all patients after it."""

from coordinator.report.blocks import Block, Figure, Row, Section, Table, Text
from coordinator.report.choice import (
    hazard_ratio,
    main_population,
    population_label,
    survival_of,
    unadjusted_population,
    weighs,
)
from coordinator.report.figures.arms import ticks_of
from coordinator.report.figures.kaplan_meier import arms_of, is_published, kaplan_meier
from coordinator.report.wording import (
    absent,
    count,
    interval,
    moment,
    months,
    percent,
    span_unit,
)
from protocol.results.model import Results
from protocol.results.publication.withheld import NOT_SHOWN
from protocol.results.values.survival import QuantilePoint, SurvivalResult

SMALL_WIDTH, SMALL_HEIGHT = 392, 138  # points


def curves_section(results: Results) -> Section:
    """Draw each endpoint in the main population, then unadjusted."""
    main, everybody = main_population(results), unadjusted_population(results)
    blocks: list[Block] = []
    beside = {r.endpoint: r for r in survival_of(results, everybody.name)} if everybody else {}
    for found in survival_of(results, main.name) if main else ():
        blocks.append(_figure(results, found, small=False))
        other = beside.get(found.endpoint)
        if other is not None and main is not None and other.population != main.name:
            blocks.append(_figure(results, other, small=True))
    if not blocks:
        blocks.append(Text(("There is no endpoint with a time to draw.",)))
    return Section("curves", "Survival curves", tuple(blocks))


def _figure(results: Results, found: SurvivalResult, *, small: bool) -> Figure:
    label = population_label(results, found.population)
    n, arms = found.patients, results.study.arms
    size = {"width": SMALL_WIDTH, "height": SMALL_HEIGHT} if small else {}
    drawn = kaplan_meier(found, results.study, **size)
    who = f"{label} ({count(n.treated)} v {count(n.comparator)} patients)"
    return Figure(
        name=f"curve-{found.endpoint}-{found.population}",
        title=f"{found.label}: {label[:1].lower()}{label[1:]}",
        svg=drawn.svg(),
        alt=f"Kaplan-Meier curves of {found.label}, {arms.treated} and {arms.comparator}. {who}.",
        caption=(
            f"{who}; {_estimand(results, found)}. {_medians(results, found)} {_how(results, found)}"
        ),
        table=_risk_table(results, found),
        small=small,
    )


UNCUT = (
    "Bands: 95 % log-log intervals. At risk: just before the time; events and censorings: "
    "before it. Drawn while a tenth of the patients is at risk; curves.csv holds the rest."
)
PUBLISHED = (
    "Bands: 95 % log-log intervals. Each step is of several events and is drawn when the last of "
    "them has happened; at risk are those at the beginning of a step. Curves end where few are at "
    "risk."
)


def _how(results: Results, found: SurvivalResult) -> str:
    """Say what is drawn, and what stands below it."""
    told = [PUBLISHED if is_published(found.curves.treated) else UNCUT]
    if weighs(found):
        told.append(
            "The numbers below the curves are sums of weights, rounded to one decimal; bands, test "
            "and ratio have robust errors."
        )
    if any(one.endpoint == found.endpoint for one in results.competing):
        told.append("Other causes end a patient's time as censorings do; see “Competing causes”.")
    return " ".join(told)


def _estimand(results: Results, found: SurvivalResult) -> str:
    cards = {card.name: card.estimand for card in results.populations}
    said = cards.get(found.population, "")
    ratio = hazard_ratio(found)
    if ratio is None:
        return f"{said}; no hazard ratio: {found.not_estimable or 'not estimated'}"
    return f"{said}; hazard ratio {interval(ratio.hazard_ratio, ratio.conf_low, ratio.conf_high)}"


def _medians(results: Results, found: SurvivalResult) -> str:
    unit = results.study.time_unit
    told = [median(arm, unit) for arm in (found.quantiles.treated, found.quantiles.comparator)]
    return f"Median: {told[0]} v {told[1]}."


def median(points: tuple[QuantilePoint, ...], unit: str) -> str:
    """Write a median with its limits; "not reached" where the curve stays above one half."""
    point = next((p for p in points if p.share == 0.5), None)
    if point is None or point.estimate != point.estimate:
        return absent(point.estimate, "not reached") if point else "not reached"
    found = (months(t, unit) for t in (point.estimate, point.conf_low, point.conf_high))
    estimate, low, high = found
    return f"{interval(estimate, low, high, 1)} {span_unit(unit)}"


def _risk_table(results: Results, found: SurvivalResult) -> Table:
    """Lay the figure's numbers out: survival, at risk, events and censorings at every tick."""
    unit = results.study.time_unit
    arms = arms_of(found, results.study)
    ticks = ticks_of(arms, [months(m.time, unit) for m in found.landmarks.treated])
    rows: list[Row] = []
    for arm in arms:
        rows.append(Row((arm.label,), "heading"))
        for tick in ticks:
            seen = [s for t, s in zip(arm.times, arm.curve.survival, strict=True) if t <= tick]
            events, censored = arm.curve.events, arm.curve.censored
            numbers = (
                arm.told(arm.at_risk(tick)),
                arm.told(arm.before(events, tick)),
                arm.told(arm.before(censored, tick)),
            )
            shown = percent(seen[-1] if seen else 1.0)
            if tick > arm.last and is_published(arm.curve):
                shown = NOT_SHOWN.words
            rows.append(Row((moment(tick, "month"), shown, *numbers[: len(arm.rows)])))
    return Table(found.label, ("Time", "Survival", *arms[0].rows), tuple(rows))
