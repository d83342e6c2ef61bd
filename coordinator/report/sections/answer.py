"""The answer first: numbers at a glance, one sentence an endpoint, and what limits them."""

from coordinator.report.blocks import Block, Fact, Facts, Row, Section, Table, Text
from coordinator.report.choice import (
    binary_of,
    hazard_ratio,
    log_rank,
    log_rank_phrase,
    main_population,
    survival_of,
    weightings,
)
from coordinator.report.wording import (
    count,
    interval,
    limits,
    moment,
    months,
    p_phrase,
    percent,
    percent_interval,
    span_unit,
    weight,
)
from protocol.results.model import Results
from protocol.results.values.binary import BinaryResult
from protocol.results.values.estimates import Estimate
from protocol.results.values.propensity import PopulationCard
from protocol.results.values.survival import (
    LandmarkContrast,
    LandmarkPoint,
    MeanTime,
    SurvivalResult,
)

LIMITS = (
    "Matching and weights can balance only what was measured; nobody was assigned to an arm by "
    "chance. All intervals are 95 % intervals, and no P value is adjusted for there being several.",
)


LOTTERY = (
    "Who is matched was drawn by lot within bins of the score, so with another coin these figures "
    "would differ somewhat."
)
LOT_FREE = " The weighted population, for which no lot is drawn, stands beside it."


def answer(results: Results) -> Section:
    """Say what the study found in its main population."""
    population = main_population(results)
    blocks: list[Block] = [Text((results.study.purpose,), "lead")]
    if population is None:
        blocks.append(Text(("No population was looked at, so there is no answer.",)))
    else:
        blocks += _found(results, population)
    return Section("answer", "Key result", tuple(blocks))


def _found(results: Results, population: PopulationCard) -> list[Block]:
    survival = survival_of(results, population.name)
    binary = binary_of(results, population.name)
    if not survival and not binary:
        return [Text((_who(results, population), "The plan names no outcome to compare."))]
    facts = [
        *(_survival_fact(found, results.study.time_unit) for found in survival),
        *(_binary_fact(found, weighted=population.effective is not None) for found in binary),
    ]
    told = [_sentence(results, found) for found in survival]
    return [
        Text((_who(results, population),)),
        Facts(tuple(facts)),
        *([Text(tuple(told))] if told else []),
        *([_absolute(results, survival)] if any(map(_has_absolute, survival)) else []),
        Text((*_lots(results, population), *LIMITS), "limits"),
    ]


def _lots(results: Results, population: PopulationCard) -> tuple[str, ...]:
    """Say what a lottery had to do with the answer, where it had."""
    drawn = any(d.name == population.name and d.imbalance_by_key for d in results.designs)
    if not drawn:
        return ()
    return (LOTTERY + (LOT_FREE if weightings(results) else ""),)


def _has_absolute(found: SurvivalResult) -> bool:
    return bool(found.landmark_contrasts or found.mean_time)


def _who(results: Results, population: PopulationCard) -> str:
    """Say who is compared with whom, and for whom the answer holds."""
    arms, n, study = results.study.arms, population.patients, results.study
    hospitals = "1 hospital" if len(study.hospitals) == 1 else f"{len(study.hospitals)} hospitals"
    return (
        f"Among {count(n.treated + n.comparator)} patients of {hospitals} ({population.label}: "
        f"{count(n.treated)} with {arms.treated}, {count(n.comparator)} with {arms.comparator}). "
        f"Estimand: {population.estimand}. The first number of each pair is {arms.treated}."
        f"{_weights(population)}"
    )


def _weights(population: PopulationCard) -> str:
    """Say what weights make of the numbers below; nothing where patients count alike."""
    sizes = population.effective
    if sizes is None:
        return ""
    return (
        " Patients are weighted, which leaves effective sample sizes of "
        f"{weight(sizes.treated)} and {weight(sizes.comparator)}. Counts are of patients; shares, "
        "curves, ratios and tests are weighted, with robust errors."
    )


def _last_contrast(found: SurvivalResult) -> LandmarkContrast | None:
    return found.landmark_contrasts[-1] if found.landmark_contrasts else None


def _survival_fact(found: SurvivalResult, unit: str) -> Fact:
    contrast = _last_contrast(found)
    events = f"{count(found.events.treated)} v {count(found.events.comparator)} events"
    test = log_rank(found)
    p = [log_rank_phrase(test)] if test else []
    if contrast is None:
        return Fact(found.label, _short_ratio(found), (*p, events))
    shares = [
        next((point.survival for point in arm if point.time == contrast.time), float("nan"))
        for arm in (found.landmarks.treated, found.landmarks.comparator)
    ]
    number = f"{percent(shares[0])} v {percent(shares[1])}"
    return Fact(
        f"{found.label} at {moment(contrast.time, unit)}", number, (_short_ratio(found), *p, events)
    )


def _short_ratio(found: SurvivalResult) -> str:
    hr = hazard_ratio(found)
    return f"HR {interval(hr.hazard_ratio, hr.conf_low, hr.conf_high)}" if hr else "no estimate"


def _binary_fact(found: BinaryResult, *, weighted: bool) -> Fact:
    numbers = f"{percent(found.risk.treated)} v {percent(found.risk.comparator)}"
    of = (
        f"{count(found.events.treated)} of {count(found.patients.treated)} v "
        f"{count(found.events.comparator)} of {count(found.patients.comparator)}"
    )
    if weighted:
        p = f"weighted shares: {p_phrase(found.risk_difference.p_value)} (Wald)"
    else:
        p = f"χ² {p_phrase(found.chi_square.p_value)}"
    return Fact(found.label, numbers, (of, p))


def _sentence(results: Results, found: SurvivalResult) -> str:
    """Say one endpoint: events first, then the ratio."""
    arms = results.study.arms
    return (
        f"{found.label}: {count(found.events.treated)} of {count(found.patients.treated)} patients "
        f"had an event with {arms.treated} and {count(found.events.comparator)} of "
        f"{count(found.patients.comparator)} with {arms.comparator}. {_hazard_sentence(found)}"
    )


def _hazard_sentence(found: SurvivalResult) -> str:
    hr = hazard_ratio(found)
    if hr is None:
        return f"There is no hazard ratio: {found.not_estimable or 'it was not estimated'}."
    test = log_rank(found)
    p = f"; {log_rank_phrase(test)}" if test else ""
    ends = limits(hr.conf_low, hr.conf_high)
    return f"The hazard ratio is {hr.hazard_ratio:.2f} (95 % CI {ends}{p})."


def _absolute(results: Results, survival: tuple[SurvivalResult, ...]) -> Table:
    """Lay absolute numbers out: survival at the landmarks and mean time, with differences."""
    arms, unit = results.study.arms, results.study.time_unit
    rows: list[Row] = []
    for found in survival:
        rows.append(Row((found.label,), "heading"))
        rows += [_landmark_row(found, contrast, unit) for contrast in found.landmark_contrasts]
        if found.mean_time:
            rows.append(_mean_row(found.mean_time, unit))
    header = ("", f"{arms.treated}", f"{arms.comparator}", "Difference (95 % CI)")
    return Table("Absolute numbers", header, tuple(rows))


def _landmark_row(found: SurvivalResult, contrast: LandmarkContrast, unit: str) -> Row:
    d = contrast.difference
    points = interval(100 * d.estimate, 100 * d.conf_low, 100 * d.conf_high, 1)
    shares = [
        _at(arm, contrast.time) for arm in (found.landmarks.treated, found.landmarks.comparator)
    ]
    return Row((f"At {moment(contrast.time, unit)}", *shares, f"{points} % points"), "level")


def _at(arm: tuple[LandmarkPoint, ...], time: int) -> str:
    point = next(point for point in arm if point.time == time)
    drawn = next((lim for lim in point.limits if lim.kind == "log-log"), None)
    if drawn is None:
        return percent(point.survival)
    return percent_interval(point.survival, drawn.conf_low, drawn.conf_high)


def _mean_row(mean: MeanTime, unit: str) -> Row:
    def told(e: Estimate) -> str:
        limits_ = months(e.conf_low, unit), months(e.conf_high, unit)
        return interval(months(e.estimate, unit), *limits_, 1)

    what = f"Mean time up to {moment(mean.horizon, unit)}, {span_unit(unit)}"
    arms = told(mean.arms.treated), told(mean.arms.comparator)
    return Row((what, *arms, f"{told(mean.difference)}"), "level")
