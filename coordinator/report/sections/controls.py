"""Negative controls: endpoints on which the treatment cannot act, told apart from the results."""

import math
from dataclasses import replace
from typing import TypeVar

from coordinator.report.blocks import Block, Row, Section, Table, Text
from coordinator.report.choice import hazard_ratio, log_rank, log_rank_p
from coordinator.report.sections.outcomes import ABSENT, points, population_cell
from coordinator.report.wording import count, interval, p_value
from protocol.results.model import Results
from protocol.results.values.binary import BinaryResult, DoublyRobust
from protocol.results.values.sensitivity import HospitalAgreement, TimeGrids
from protocol.results.values.strata import CommonOdds, LevelComparison
from protocol.results.values.survival import AdjustedResult, SurvivalResult

Found = TypeVar(
    "Found",
    HospitalAgreement,
    CommonOdds,
    AdjustedResult,
    TimeGrids,
    LevelComparison,
    DoublyRobust,
)

MEANING = (
    "The plan says that the treatment cannot act on these endpoints. Arms that are comparable "
    "differ in them by chance only. A difference here speaks of patients, care or records that "
    "differ between the arms in ways that nothing above has balanced, and as much may be behind "
    "the results. No difference does not prove that there is nothing of the kind."
)


def without_controls(results: Results) -> Results:
    """Leave negative controls out of the results, and mark them in tables of further analyses."""
    controls = results.negative_controls
    if not controls:
        return results
    return replace(
        results,
        survival=tuple(r for r in results.survival if r.endpoint not in controls),
        binary=tuple(r for r in results.binary if r.endpoint not in controls),
        competing=tuple(r for r in results.competing if r.endpoint not in controls),
        agreement=_marked(results.agreement, controls),
        odds_by_hospital=_marked(results.odds_by_hospital, controls),
        adjusted=_marked(results.adjusted, controls),
        time_grids=_marked(results.time_grids, controls),
        levels=_marked(results.levels, controls),
        doubly_robust=_marked(results.doubly_robust, controls),
    )


def _marked(found: tuple[Found, ...], controls: tuple[str, ...]) -> tuple[Found, ...]:
    return tuple(
        replace(one, label=f"{one.label} (negative control)") if one.endpoint in controls else one
        for one in found
    )


def controls_section(results: Results) -> Section | None:
    """Tabulate the negative controls and say what a difference means; None if there are none."""
    controls = results.negative_controls
    survival = [r for r in results.survival if r.endpoint in controls and not r.level]
    binary = [r for r in results.binary if r.endpoint in controls and not r.level]
    blocks: list[Block] = [Text((MEANING,))]
    if survival:
        blocks.append(_survival(results, survival))
    if binary:
        blocks.append(_binary(results, binary))
    return Section("controls", "Negative controls", tuple(blocks)) if blocks[1:] else None


def _survival(results: Results, found: list[SurvivalResult]) -> Table:
    rows = []
    for one in found:
        hr, test = hazard_ratio(one), log_rank(one)
        rows.append(
            Row(
                (
                    f"{one.label}: {population_cell(results, one.population)}",
                    _events(one),
                    interval(hr.hazard_ratio, hr.conf_low, hr.conf_high) if hr else ABSENT,
                    log_rank_p(test) if test else ABSENT,
                )
            )
        )
    header = ("Endpoint and population", "Events / n,\ntreated v comparator", "HR", "Log-rank test")
    return Table("Negative controls with a time", header, tuple(rows))


def _binary(results: Results, found: list[BinaryResult]) -> Table:
    rows = tuple(
        Row(
            (
                f"{one.label}: {population_cell(results, one.population)}",
                _events(one),
                points(one.risk_difference),
                p_value(_p(one)),
            )
        )
        for one in found
    )
    header = (
        *("Endpoint and population", "With it / n,\ntreated v comparator"),
        *("Difference\n% points", "P"),
    )
    note = "P: Pearson's χ², uncorrected; Wald's where patients weigh."
    return Table("Negative controls without a time", header, rows, notes=(note,))


def _p(found: BinaryResult) -> float:
    plain, wald = found.chi_square.p_value, found.risk_difference.p_value
    return wald if math.isnan(plain) else plain


def _events(found: SurvivalResult | BinaryResult) -> str:
    e, n = found.events, found.patients
    treated = f"{count(e.treated)} / {count(n.treated)}"
    return f"{treated} v {count(e.comparator)} / {count(n.comparator)}"
