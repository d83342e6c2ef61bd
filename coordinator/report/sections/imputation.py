"""Missing covariates: what was imputed, and what is found then, beside complete cases."""

import math

from coordinator.report.blocks import Block, Row, Section, Table, Text
from coordinator.report.choice import binary_of, hazard_ratio, population_label, survival_of
from coordinator.report.sections.outcomes import named
from coordinator.report.wording import (
    count,
    decimal,
    interval,
    list_of,
    moment,
    months,
    p_value,
    percent,
    span_unit,
)
from protocol.results.model import Results
from protocol.results.values.binary import BinaryResult
from protocol.results.values.estimates import Estimate
from protocol.results.values.sensitivity import Imputation, ImputedEstimate
from protocol.results.values.survival import SurvivalResult

NONE = "–"
RATIOS = {"log hazard ratio": "Hazard ratio", "log risk ratio": "Risk ratio"}
"""Terms that are told as ratios, and how."""


def imputation_section(results: Results) -> Section | None:
    """Tell the comparisons over all patients with covariates imputed; None if none were."""
    found = results.imputation
    if found is None:
        return None
    blocks: list[Block] = [Text((_what(found), _assumption())), _estimates(results, found)]
    if found.balance:
        blocks.append(_balance(results, found))
    return Section("imputation", "Missing covariates imputed", tuple(blocks))


def _what(found: Imputation) -> str:
    everybody = found.patients.treated + found.patients.comparator
    lost = found.incomplete.treated + found.incomplete.comparator
    sweeps = "one sweep" if found.sweeps == 1 else f"{found.sweeps} sweeps"
    return (
        f"{count(lost)} of {count(everybody)} patients ({percent(lost / everybody)}) miss a "
        f"covariate: {list_of(list(found.variables))}. Complete cases leave them out; here their "
        f"values were imputed {found.imputations} times by chained equations ({sweeps}), the "
        "score was fitted in each completed data set, everybody was weighted, and estimates were "
        "pooled by Rubin's rules."
    )


def _assumption() -> str:
    return (
        "This is right if whether a value is missing hangs on nothing but what is known of the "
        "patient, the outcome included. Matched populations stay those of complete cases: who is "
        "matched is decided before any outcome is seen, and values are imputed by outcomes."
    )


def _estimates(results: Results, found: Imputation) -> Table:
    header = ("", "Complete cases", "Imputed (95 % CI)", "P", "Missing information")
    rows: list[Row] = []
    before = ("", "")
    labels = {r.endpoint: r.label for r in results.survival}
    labels |= {r.endpoint: r.label for r in results.binary}
    for one in found.estimates:
        here = (one.population, one.endpoint)
        if here != before:
            name = named(results, one.population)
            rows.append(Row((f"{name}; {labels.get(one.endpoint, one.endpoint)}",), "heading"))
        before = here
        rows.append(Row(_cells(results, one), "level"))
    note = (
        "Limits and P by t with Barnard and Rubin's degrees of freedom. Missing information: the "
        "share of it that the missing values took. Errors within each data set are robust."
    )
    return Table("Weighted comparisons of all patients", header, tuple(rows), notes=(note,))


def _cells(results: Results, one: ImputedEstimate) -> tuple[str, ...]:
    return (
        _name(results, one),
        _complete(results, one),
        _told(results, one),
        p_value(one.p_value),
        NONE if math.isnan(one.missing_information) else percent(one.missing_information),
    )


def _name(results: Results, one: ImputedEstimate) -> str:
    unit = results.study.time_unit
    match one.term:
        case "survival difference":
            return f"Survival difference at {moment(one.time, unit)}, % points"
        case "restricted mean time":
            return f"Difference of mean time up to {moment(one.time, unit)}, {span_unit(unit)}"
        case "risk difference":
            return "Risk difference, % points"
        case _:
            return RATIOS.get(one.term, one.term)


def _told(results: Results, one: ImputedEstimate) -> str:
    if one.term in RATIOS:
        # Of logarithms that do not exist the exponentials do not either.
        low, middle, high = (_exp(x) for x in (one.conf_low, one.estimate, one.conf_high))
        return interval(middle, low, high)
    return _difference(results, one.term, (one.estimate, one.conf_low, one.conf_high))


def _difference(results: Results, term: str, numbers: tuple[float, float, float]) -> str:
    """Write a difference in points per cent, or of mean times in the report's unit."""
    unit = results.study.time_unit
    estimate, low, high = (
        months(x, unit) if term == "restricted mean time" else 100 * x for x in numbers
    )
    return interval(estimate, low, high, 1)


def _exp(value: float) -> float:
    return math.exp(value) if not value >= 700 else math.inf


def _complete(results: Results, one: ImputedEstimate) -> str:
    """Tell what complete cases of the same weighting give, where there is something to tell."""
    survival = next((r for r in survival_of(results, one.population) if _same(r, one)), None)
    binary = next((r for r in binary_of(results, one.population) if _same(r, one)), None)
    if survival is not None and one.term == "log hazard ratio":
        hr = hazard_ratio(survival)
        return interval(hr.hazard_ratio, hr.conf_low, hr.conf_high) if hr else NONE
    if binary is not None and one.term == "log risk ratio":
        rr = binary.risk_ratio
        return interval(rr.estimate, rr.conf_low, rr.conf_high)
    found: Estimate | None = None
    if binary is not None and one.term == "risk difference":
        found = binary.risk_difference
    elif survival is not None and one.term == "restricted mean time" and survival.mean_time:
        found = survival.mean_time.difference
    elif survival is not None:
        contrasts = (c for c in survival.landmark_contrasts if c.time == one.time)
        found = next((c.difference for c in contrasts), None)
    if found is None:
        return NONE
    return _difference(results, one.term, (found.estimate, found.conf_low, found.conf_high))


def _same(found: SurvivalResult | BinaryResult, one: ImputedEstimate) -> bool:
    return found.endpoint == one.endpoint


def _balance(results: Results, found: Imputation) -> Table:
    rows: list[Row] = []
    before = ""
    for one in found.balance:
        if one.population != before:
            rows.append(Row((population_label(results, one.population),), "heading"))
        before = one.population
        numbers = (one.smd_before, one.smd, one.largest)
        rows.append(Row((one.label, *(decimal(number, 3) for number in numbers)), "level"))
    header = ("Column", "Mean SMD before", "Mean SMD weighted", "Largest |SMD| weighted")
    note = "Means over the completed data sets; the largest is that of any of them."
    return Table("Balance of completed covariates", header, tuple(rows), notes=(note,))
