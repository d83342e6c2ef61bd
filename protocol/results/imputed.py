"""Results of completed data sets, pooled by Rubin's rules."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from protocol.parts.imputation import Imputed
from protocol.plan.columns import Column, balance_columns
from protocol.plan.endpoints import BinaryOutcome, TimeToEvent
from protocol.question import Record
from protocol.results.survival import survival_result
from protocol.results.values.estimates import Pair
from protocol.results.values.sensitivity import Imputation, ImputedBalance, ImputedEstimate
from protocol.results.values.survival import SurvivalResult
from protocol.run import Played
from protocol.stats.distributions import normal_quantile
from protocol.stats.moments import smd, standardiser
from protocol.stats.rubin import pool
from protocol.stats.weighted_risks import weighted_risks
from protocol.steps.flow import FlowOfPatients
from protocol.steps.imputation import BalanceSums
from protocol.steps.outcome_table import Outcomes
from protocol.steps.weighting import Weighted

NAN = math.nan

HAZARD, SURVIVAL, MEAN_TIME = "log hazard ratio", "survival difference", "restricted mean time"
RISK, RISK_RATIO = "risk difference", "log risk ratio"

Found = tuple[float, float]
"""An estimate of one completed data set and its standard error."""


class Term(NamedTuple):
    """What is estimated of an endpoint; the time is that of a landmark or horizon."""

    endpoint: str
    name: str
    time: float = NAN


def imputation(played: Played) -> Imputation | None:
    """Pool what was found in the completed data sets; None if nothing was imputed."""
    drawn, plan, record = played.findings.imputed, played.plan, played.record
    if drawn is None:
        return None
    flow: FlowOfPatients = record.get("flow/1")
    estimates: list[ImputedEstimate] = []
    for name, populations in drawn.populations.items():
        for endpoint in plan.survival:
            estimates += _survival(name, endpoint, populations, record)
        for outcome in plan.binary:
            estimates += _binary(name, outcome, populations, record)
    return Imputation(
        imputations=max(len(populations) for populations in drawn.populations.values()),
        sweeps=drawn.sweeps,
        variables=tuple(plan.variable(name).label for name in drawn.variables),
        patients=Pair(*flow.patients),
        incomplete=Pair(*flow.incomplete),
        estimates=tuple(estimates),
        balance=tuple(_balance(drawn, record)),
    )


def _survival(
    name: str, endpoint: TimeToEvent, populations: Sequence[Weighted], record: Record
) -> Iterator[ImputedEstimate]:
    """Pool hazard ratios, survival differences and mean times of one endpoint."""
    found = [survival_result(endpoint, one.name, "", record) for one in populations]
    results = [one for one in found if one is not None]
    if len(results) < len(found):
        return
    events = results[0].events.comparator + results[0].events.treated
    hazards = [_hazard(one) for one in results]
    yield _pooled(name, Term(endpoint.name, HAZARD), hazards, events - 1)
    for k, time in enumerate(endpoint.landmarks):
        each = [one.landmark_contrasts[k].difference for one in results]
        pairs = [(one.estimate, one.std_error) for one in each]
        yield _pooled(name, Term(endpoint.name, SURVIVAL, float(time)), pairs, events - 2)
    times = [one.mean_time for one in results if one.mean_time is not None]
    if len(times) == len(results):
        pairs = [(one.difference.estimate, one.difference.std_error) for one in times]
        yield _pooled(name, Term(endpoint.name, MEAN_TIME, times[0].horizon), pairs, events - 2)


def _hazard(found: SurvivalResult) -> Found:
    one = next((h for h in found.hazard_ratios if h.method == "efron robust"), None)
    return (NAN, NAN) if one is None else (one.log_hr, one.std_error)


def _binary(
    name: str, outcome: BinaryOutcome, populations: Sequence[Weighted], record: Record
) -> Iterator[ImputedEstimate]:
    """Pool risk differences, and risk ratios on the log scale."""
    tables: list[Outcomes | None] = [
        record.get("outcome-table/1", outcome.name, one.name, "") for one in populations
    ]
    sums = [one.weights for one in tables if one is not None and one.weights is not None]
    if len(sums) < len(tables) or tables[0] is None:
        return
    risks = [
        weighted_risks(one.events, one.patients, one.events_squared, one.patients_squared)
        for one in sums
    ]
    patients = tables[0].patients[0] + tables[0].patients[1]
    z = normal_quantile(0.95)
    differences = [
        (r.risk_difference.estimate, (r.risk_difference.upper - r.risk_difference.lower) / (2 * z))
        for r in risks
    ]
    ratios = [
        (
            _log(r.risk_ratio.estimate),
            (_log(r.risk_ratio.upper) - _log(r.risk_ratio.lower)) / (2 * z),
        )
        for r in risks
    ]
    yield _pooled(name, Term(outcome.name, RISK), differences, patients - 2)
    yield _pooled(name, Term(outcome.name, RISK_RATIO), ratios, patients - 2)


def _log(ratio: float) -> float:
    return math.log(ratio) if ratio > 0 else NAN


def _pooled(name: str, term: Term, found: Sequence[Found], complete_df: float) -> ImputedEstimate:
    pooled = pool([q for q, _ in found], [e * e for _, e in found], max(1.0, complete_df))
    low, high = pooled.interval()
    return ImputedEstimate(
        population=name,
        endpoint=term.endpoint,
        term=term.name,
        time=term.time,
        estimate=pooled.estimate,
        std_error=pooled.std_error,
        conf_low=low,
        conf_high=high,
        p_value=pooled.p_value,
        df=pooled.df,
        missing_information=pooled.missing_information,
    )


def _balance(drawn: Imputed, record: Record) -> Iterator[ImputedBalance]:
    """Average the standardised differences of every balance column over the data sets."""
    for name, populations in drawn.populations.items():
        found: list[BalanceSums | None] = [
            record.get("completed-balance/1", one.name) for one in populations
        ]
        here = [one for one in found if one is not None]
        for what in balance_columns(here[0].plan) if here else ():
            before = [_difference(one, what, weighted=False) for one in here]
            after = [_difference(one, what, weighted=True) for one in here]
            yield ImputedBalance(
                population=name,
                column=what.name,
                label=what.label,
                smd_before=math.fsum(before) / len(before),
                smd=math.fsum(after) / len(after),
                largest=max(abs(one) for one in after),
            )


def _difference(here: BalanceSums, what: Column, *, weighted: bool) -> float:
    """Standardise by the SDs of this data set before weighting."""
    treated, comparator = here.before(what, 1), here.before(what, 0)
    sd = standardiser(treated, comparator, binary=what.indicator)
    if weighted:
        return smd(here.weighted_mean(what, 1) - here.weighted_mean(what, 0), sd)
    return smd(treated.mean - comparator.mean, sd)
