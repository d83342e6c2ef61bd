"""Missing covariates: what was imputed, and what is found then, beside complete cases."""

import math

from coordinator.report.blocks import Block, Row, Section, Table, Text
from coordinator.report.choice import binary_of, hazard_ratio, population_label, survival_of
from coordinator.report.wording import (
    count,
    decimal,
    interval,
    list_of,
    moment,
    p_value,
    percent,
)
from protocol.results.model import Imputation, ImputedEstimate, Results

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
            name = population_label(results, one.population)
            rows.append(Row((f"{name}: {labels.get(one.endpoint, one.endpoint)}",), "heading"))
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
        _told(one),
        p_value(one.p_value),
        NONE if math.isnan(one.missing_information) else percent(one.missing_information),
    )


def _name(results: Results, one: ImputedEstimate) -> str:
    unit = results.study.time_unit
    match one.term:
        case "survival difference":
            return f"Survival difference at {moment(one.time, unit)}, % points"
        case "restricted mean time":
            return f"Difference of mean time up to {moment(one.time, unit)}, {unit}s"
        case "risk difference":
            return "Risk difference, % points"
        case _:
            return RATIOS.get(one.term, one.term)


def _told(one: ImputedEstimate) -> str:
    numbers = (one.estimate, one.conf_low, one.conf_high)
    if one.term in RATIOS:
        low, middle, high = sorted(_exp(value) for value in numbers)
        return interval(middle, low, high)
    scale = 100 if one.term in ("survival difference", "risk difference") else 1
    estimate, low, high = (scale * value for value in numbers)
    return interval(estimate, low, high, 1)


def _exp(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf


def _complete(results: Results, one: ImputedEstimate) -> str:
    """Tell the ratio that complete cases of the same weighting give, where there is one."""
    survival = (r for r in survival_of(results, one.population) if r.endpoint == one.endpoint)
    binary = (r for r in binary_of(results, one.population) if r.endpoint == one.endpoint)
    if one.term == "log hazard ratio":
        hr = next((hazard_ratio(r) for r in survival), None)
        return interval(hr.hazard_ratio, hr.conf_low, hr.conf_high) if hr else NONE
    if one.term == "log risk ratio":
        rr = next((r.risk_ratio for r in binary), None)
        return interval(rr.estimate, rr.conf_low, rr.conf_high) if rr else NONE
    if one.term == "risk difference":
        rd = next((r.risk_difference for r in binary), None)
        return interval(100 * rd.estimate, 100 * rd.conf_low, 100 * rd.conf_high, 1) if rd else NONE
    return NONE


def _balance(results: Results, found: Imputation) -> Table:
    rows = tuple(
        Row(
            (
                f"{population_label(results, one.population)}: {one.label}",
                decimal(one.smd_before, 3),
                decimal(one.smd, 3),
                decimal(one.largest, 3),
            )
        )
        for one in found.balance
    )
    header = ("Column", "Mean SMD before", "Mean SMD weighted", "Largest |SMD| weighted")
    note = "Means over the completed data sets; the largest is that of any of them."
    return Table("Balance of completed covariates", header, rows, notes=(note,))
