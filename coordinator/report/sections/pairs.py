"""Within pairs: tests of matched pairs, hidden bias, and what another lottery would have found."""

import math

from coordinator.report.blocks import Block, Row, Section, Table
from coordinator.report.sections.outcomes import named
from coordinator.report.wording import (
    absent,
    count,
    decimal,
    interval,
    limits,
    moment,
    p_phrase,
    p_value,
    percent,
)
from protocol.results.model import Results
from protocol.results.values.pairs import DiscordantPairs, PairsResult
from protocol.results.values.sensitivity import LotteryResult

ABSENT = "–"
BY_CELL = "expected by cell"
"""Label of numbers of pairs that nobody knows."""


def pairs_section(results: Results) -> Section | None:
    """Tell what was found within pairs, and of other lotteries; None if the plan did not ask."""
    blocks: list[Block] = []
    if known := [one for one in results.pairs if not one.by_cell]:
        blocks.append(_times(results, known))
    if tested := [one for one in results.pairs if one.discordant]:
        blocks.append(_discordant(results, tested))
    if results.lotteries:
        blocks.append(_lotteries(results))
    return Section("pairs", "Within matched pairs", tuple(blocks)) if blocks else None


def _who(results: Results, found: PairsResult | LotteryResult) -> str:
    return f"{found.label}\n{named(results, found.population)}"


def _times(results: Results, found: list[PairsResult]) -> Table:
    rows = []
    for one in found:
        hr, test = one.hazard_ratio, one.log_rank
        told = interval(hr.hazard_ratio, hr.conf_low, hr.conf_high) if hr else "not estimable"
        p = p_phrase(test.test.p_value) if test else ABSENT
        rows.append(Row((_who(results, one), count(one.pairs), told, p)))
    note = (
        "Every pair is a stratum of its own, in which the first event tells: hazards of partners "
        "are compared with each other only. Of several partners there are no pairs."
    )
    header = ("Endpoint and population", "Pairs", "HR within pairs (95 % CI)", "P, log-rank")
    return Table("Who of a pair has the event first", header, tuple(rows), notes=(note,))


def _discordant(results: Results, found: list[PairsResult]) -> Table:
    unit = results.study.time_unit
    gammas = [bound.gamma for bound in found[0].discordant[0].bounds]
    header = (
        *("Time", f"Only\n{results.study.arms.treated}", f"Only\n{results.study.arms.comparator}"),
        *("P, McNemar", *(f"P, odds {gamma:g}" for gamma in gammas)),
    )
    rows: list[Row] = []
    for one in found:
        how = f" ({BY_CELL})" if one.by_cell else ""
        rows.append(Row((f"{_who(results, one)}{how}",), "heading"))
        rows += [
            Row((moment(test.time, unit), *_cells(test, by_cell=one.by_cell)), "level")
            for test in one.discordant
        ]
    notes = (
        "Pairs of which one partner alone has had the event by then; who is last seen before "
        "counts as without. P, odds: Rosenbaum's bound, the largest one-sided P value if an "
        "unmeasured difference made the odds of treatment within pairs up to so many times as "
        "high.",
        "Expected by cell: partners are at different hospitals and nobody knows the pairs, so the "
        "numbers are what random pairing within cells of the score makes one expect (± the "
        "standard deviation over such pairings). The difference of both numbers is exact, tests "
        "and bounds are approximate.",
    )
    told = notes if any(one.by_cell for one in found) else notes[:1]
    return Table("Discordant pairs and hidden bias", header, tuple(rows), notes=told)


def _cells(test: DiscordantPairs, *, by_cell: bool) -> tuple[str, ...]:
    if math.isnan(test.only_treated):  # a publication does not show it
        numbers = [absent(test.only_treated), absent(test.only_comparator)]
    elif by_cell:
        half = decimal(test.spread / 2, 1)
        numbers = [f"{decimal(n, 1)} ± {half}" for n in (test.only_treated, test.only_comparator)]
    else:
        numbers = [count(int(n)) for n in (test.only_treated, test.only_comparator)]
    bounds = (p_value(bound.p_value) for bound in test.bounds)
    return (*numbers, p_value(test.mcnemar.p_value), *bounds)


def _lotteries(results: Results) -> Table:
    rows = tuple(
        Row(
            (
                _who(results, one),
                count(one.lotteries),
                decimal(one.hazard_ratio),
                limits(one.low, one.high),
                decimal(one.std_dev, 3),
                percent(one.share, 0),
            )
        )
        for one in results.lotteries
    )
    note = (
        "Had another lottery been kept, other patients of the same score bins would be matched. "
        "Ratios are to first order, from score residuals of whom each would take; lotteries that "
        "differ from each other by few patients are left out (rule D). The standard error of the "
        "hazard ratio does not hold this spread."
    )
    header = (
        *("Endpoint and population", "Lotteries", "HR of the kept one", "HR of all, from – to"),
        *("SD of log HR", "in standard errors"),
    )
    return Table("What another lottery would have found", header, rows, notes=(note,))
