"""Do hospitals agree? Their own ratios together, odds within them, and one of them left out."""

import math

from coordinator.report.blocks import Block, Row, Section, Table, Text
from coordinator.report.sections.outcomes import named
from coordinator.report.wording import count, decimal, interval, limits, p_phrase, percent
from protocol.results.model import Results
from protocol.results.values.estimates import HazardRatio
from protocol.results.values.sensitivity import HospitalAgreement
from protocol.results.values.strata import CommonOdds

ABSENT = "–"
TOO_FEW = "fewer than five hospitals have a hazard ratio of their own"


def hospitals_section(results: Results) -> Section | None:
    """Tell whether hospitals agree; None if the plan did not ask."""
    blocks: list[Block] = []
    if results.agreement:
        blocks.append(_agreement(results))
    if results.odds_by_hospital:
        blocks.append(odds_table(results, results.odds_by_hospital, "hospitals"))
    if not blocks:
        return None
    told = (
        "Each hospital worked out its own ratio, and only sums over hospitals were opened. What "
        "any one hospital found was never seen."
    )
    return Section("hospitals", "Do hospitals agree?", (Text((told,)), *blocks))


def _agreement(results: Results) -> Table:
    header = (
        *("Endpoint and population", "Hospitals", "HR, one effect", "HR, varying effects"),
        *("Cochran's Q", "I²", "HR without any one hospital"),
    )
    rows = tuple(
        Row(
            (
                f"{one.label}\n{named(results, one.population)}",
                *_spread(one),
                _left_out(one),
            )
        )
        for one in results.agreement
    )
    notes = (
        "One effect: inverse-variance mean of the hospitals' log hazard ratios. Varying effects: "
        "the same with a variance between hospitals by DerSimonian and Laird's moments. I²: share "
        "of the variance that is between hospitals. With few hospitals Q finds little.",
        "Without any one hospital: all hazard ratios that leave one hospital out lie between these "
        "limits, which are steps of a scale of 5 %; which hospital moves most is not known.",
    )
    return Table("Hazard ratios of the hospitals together", header, rows, notes=notes)


def _spread(one: HospitalAgreement) -> tuple[str, ...]:
    if one.fixed is None:
        return TOO_FEW, ABSENT, ABSENT, ABSENT, ABSENT
    q = one.spread
    return (
        count(one.hospitals),
        _ratio(one.fixed),
        _ratio(one.random),
        f"{decimal(q.statistic, 1)} on {q.df}\n{p_phrase(q.p_value)}",
        percent(one.inconsistency, 0),
    )


def _ratio(hr: HazardRatio | None) -> str:
    return ABSENT if hr is None else interval(hr.hazard_ratio, hr.conf_low, hr.conf_high)


def _left_out(one: HospitalAgreement) -> str:
    found = one.left_out
    if found is None or math.isnan(found.low):
        return ABSENT
    more = f"\nnot estimable without {count(found.undefined)}" if found.undefined else ""
    return f"{limits(found.low, found.high)}{more}"


def odds_table(results: Results, found: tuple[CommonOdds, ...], strata: str) -> Table:
    """Tabulate odds ratios within hospitals, or within strata of the score."""
    rows = tuple(
        Row(
            (
                f"{one.label}\n{named(results, one.population)}",
                count(one.informative),
                interval(
                    one.odds_ratio.estimate, one.odds_ratio.conf_low, one.odds_ratio.conf_high
                ),
                p_phrase(one.test.p_value),
            )
        )
        for one in found
    )
    note = (
        "Mantel and Haenszel's odds ratio with Robins, Breslow and Greenland's limits, and the "
        f"uncorrected test; counted are {strata} with both arms and both outcomes."
    )
    header = ("Outcome and population", strata.capitalize(), "Odds ratio (95 % CI)", "P")
    return Table(f"Outcomes without a time, within {strata}", header, rows, notes=(note,))
