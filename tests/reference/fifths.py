"""Results in fifths of the propensity: balance within, curves and tests over them."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np

from protocol.layout import ReleaseError
from protocol.parts.order import type_seven
from protocol.parts.propensity import Scores
from protocol.run import Played
from protocol.stats import km
from protocol.stats.cox import NotEstimable, fit_strata
from protocol.stats.log_rank import LogRank, log_rank
from protocol.stats.moments import Convention, standardiser
from protocol.stats.standardised import standardised_survival
from protocol.stats.table import RiskTable
from protocol.steps.describe import Describe, Description
from protocol.steps.fifths import FIFTHS, Fifth, MarginalMean, Stratified
from protocol.steps.value_slices import Logit, Propensity
from tests.reference.axis import Clock
from tests.reference.bench import Bench
from tests.reference.people import apart, moments, units
from tests.reference.survival import comparison, cox_numbers
from tests.reference.terms import Terms

Answers = Iterator[tuple[str, Any]]
SHARES = [k / FIFTHS for k in range(FIFTHS + 1)]


def by_fifths(terms: Terms, played: Played, bench: Bench, clock: Clock) -> Answers:
    """Answer what of the groups `balance` and `weighted_EP` is about fifths of the propensity."""
    scores = played.findings.scores
    if not isinstance(scores, Scores) or scores.fit.penalty != "none":
        return
    value = Propensity(scores.model, scores.b)
    patients = sum(scores.at_solution.patients)
    cuts = bench.play(type_seven(value, SHARES, patients))
    if len(set(cuts)) < len(cuts):  # too many patients alike to be cut apart
        return
    # On the logit's scale the same patients lie between the same two values.
    logits = bench.play(type_seven(Logit(scores.model, scores.b), SHARES, patients))
    strata = Stratified(scores.model, scores.b, logits[1:-1])
    fifths = [Fifth(strata, place) for place in range(FIFTHS)]
    within = [bench.ask(Describe(bench.plan, fifth)) for fifth in fifths]
    sizes = tuple(found.patients for found in within)
    yield "ps_strata.cutpoints", cuts
    yield "ps_strata.counts", {
        "control": [n[0] for n in sizes], "treated": [n[1] for n in sizes],
    }  # fmt: skip
    yield from _balance(terms, played, bench, within, MarginalMean(strata, sizes))
    if min(map(min, sizes)) == 0:
        return
    for ending in terms.endings:
        tables = [clock.table(bench.ask(bench.table(ending.code, f)).table) for f in fifths]
        yield from _survival(f"weighted.{ending.name}.ps_strata.", tables, sizes, clock)


def _balance(
    terms: Terms,
    played: Played,
    bench: Bench,
    within: list[Description],
    marginal: MarginalMean,
) -> Answers:
    before: Description = played.record.get("describe/1", "complete")
    sizes = [n for found in within for n in found.patients]
    found: dict[str, dict[str, float]] = {str(k + 1): {} for k in range(len(within))}
    weighted: dict[str, float] = {}
    over = _weighted(bench, marginal) if min(sizes) > 0 else None
    for name, what, unit in units(terms, played.plan):
        control, treated = (moments(before, what, unit, arm) for arm in (0, 1))
        sd = standardiser(treated, control, Convention.POOLED_SD, binary=what.indicator)
        for k, own in enumerate(within):
            c, t = (moments(own, what, unit, arm) for arm in (0, 1))
            found[str(k + 1)][name] = apart(t.mean - c.mean, sd)
        if over is not None:
            w0, w1 = over.weighted(what, 0), over.weighted(what, 1)
            assert w0 is not None
            assert w1 is not None
            weighted[name] = apart((w1.mean - w0.mean) * unit, sd)
    if min(sizes) > 1:
        yield "ps_strata.smd_within", found
    if over is not None:
        yield "ps_strata.mmws_smd", weighted


def _weighted(bench: Bench, marginal: MarginalMean) -> Description | None:
    """Describe weighted patients, if no weight is beyond what a plan allows."""
    try:
        return bench.ask(Describe(bench.plan, marginal))
    except ReleaseError:
        return None


def _survival(
    name: str, tables: list[RiskTable], sizes: tuple[tuple[int, int], ...], clock: Clock
) -> Answers:
    with suppress(NotEstimable):
        yield f"{name}cox_stratified", cox_numbers(fit_strata(tables), robust=False)
    total = LogRank((0.0, 0.0), (0.0, 0.0), 0.0)
    for table in tables:
        total = total + log_rank(table)
    yield from comparison(f"{name}logrank_stratified", total)
    if not len(clock.landmarks) or any(min(table.patients) == 0 for table in tables):
        return
    shares = np.array([sum(n) for n in sizes]) / sum(sum(n) for n in sizes)
    arms = {}
    for arm in (0, 1):
        points = [km.at(km.curve(table.arm(arm)), clock.landmarks) for table in tables]
        mean = standardised_survival(points, shares)
        arms[f"arm{arm}"] = {
            "time": mean.times, "surv": mean.survival, "std_err": mean.std_error,
        }  # fmt: skip
    yield f"{name}landmark_standardised", arms
