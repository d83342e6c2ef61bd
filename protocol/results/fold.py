"""From a record of sums to results: a pure fold, the same for coordinator and auditor."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from protocol import PROGRAM_VERSION
from protocol.disclosure_site import Tighter
from protocol.plan.digest import plan_digest
from protocol.plan.model import Plan
from protocol.plan.words import handle
from protocol.results.balance import balance, table_one
from protocol.results.binary import binary_result
from protocol.results.competing import competing_result
from protocol.results.doubly_robust import doubly_robust
from protocol.results.imputed import imputation
from protocol.results.interactions import interactions
from protocol.results.levels import level_comparisons
from protocol.results.model import SCHEMA, Leaving, Results, StudyCard
from protocol.results.pairs import lotteries, pairs
from protocol.results.populations import design, population_card
from protocol.results.propensity import overlap, propensity
from protocol.results.quartiles import exact_quartiles
from protocol.results.sensitivity import adjusted, agreement, odds_by_hospital
from protocol.results.strata import stratification
from protocol.results.survival import survival_result
from protocol.results.thresholds import NO_CONDITIONS, thresholds
from protocol.results.time_grids import time_grids
from protocol.results.values.estimates import Pair
from protocol.results.values.patients import BalanceRow, Exclusion, Flow, Missing, TableOne
from protocol.results.values.propensity import LeftOut
from protocol.run import Asked, Played
from protocol.steps.describe import Description
from protocol.steps.flow import FlowOfPatients

T = TypeVar("T")


def results(
    played: Played, conditions: Tighter = NO_CONDITIONS, runs: Iterable[bytes] = ()
) -> Results:
    """Work out everything that a study's sums say.

    What hospitals said changes no number and is told beside them: `conditions` are the strictest
    of those under which they approved the plan, `runs` the ids of all runs of it that they opened.
    """
    plan, record, findings = played.plan, played.record, played.findings
    names = [population.name for population in findings.populations]
    keys = [(name, level) for name in names for level in ("", *map(str, findings.subgroups[name]))]
    return Results(
        schema=SCHEMA,
        study=_card(played),
        flow=_flow(plan, record.get("flow/1")),
        propensity=propensity(played),
        overlap=overlap(played),
        designs=tuple(design(played, made) for made in findings.designs),
        populations=tuple(population_card(played, one) for one in findings.populations),
        left_out=tuple(LeftOut(one.name, one.reason) for one in findings.left_out),
        table_one=tuple(_tables(played)),
        balance=tuple(_balance(played)),
        survival=_kept(survival_result(e, *key, record) for e in plan.survival for key in keys),
        binary=_kept(binary_result(e, *key, record) for e in plan.binary for key in keys),
        leaving=tuple(leaving(step) for step in played.asked),
        competing=_kept(competing_result(e, n, record) for e in plan.survival for n in names),
        imputation=imputation(played),
        agreement=tuple(agreement(played)),
        odds_by_hospital=tuple(odds_by_hospital(played)),
        adjusted=tuple(adjusted(played)),
        stratification=stratification(played),
        pairs=tuple(pairs(played)),
        lotteries=tuple(lotteries(played)),
        interactions=tuple(interactions(played)),
        negative_controls=tuple(e.name for e in plan.endpoints if e.negative_control),
        time_grids=tuple(time_grids(played)),
        levels=tuple(level_comparisons(played)),
        doubly_robust=tuple(doubly_robust(played)),
        thresholds=thresholds(plan, conditions),
        runs=tuple(run.hex() for run in runs),
    )


def leaving(asked: Asked) -> Leaving:
    """Say what left each hospital in one step, from the step's own layout."""
    layout = asked.block.layout
    words = "; ".join(field.what for field in layout.fields) or "a public commitment, no data"
    key = " ".join(str(part) for part in asked.key if part != "")
    return Leaving(asked.trip, asked.name, key, words, asked.numbers, asked.bytes, layout.about)


def _tables(played: Played) -> Iterator[TableOne]:
    record = played.record
    before: Description = record.get("describe/1", "complete")
    untouched = _as_they_are(played.plan)
    for name, here in _described(played).items():
        exact = exact_quartiles(name, here, record)
        yield table_one(name, here, before, exact, tested=name in untouched)


def _balance(played: Played) -> Iterator[BalanceRow]:
    before: Description = played.record.get("describe/1", "complete")
    for name, here in _described(played).items():
        yield from balance(name, here, before)


def _described(played: Played) -> dict[str, Description]:
    """Find the descriptions by population, complete cases first."""
    names = ["complete", *(p.name for p in played.findings.populations if p.name != "complete")]
    found = {name: played.record.get("describe/1", name) for name in names}
    return {name: here for name, here in found.items() if here is not None}


def _as_they_are(plan: Plan) -> tuple[str, ...]:
    """Name the populations whose arms nothing made comparable, and whose patients count alike."""
    chosen = (one.name for one in plan.populations if one.weight is None)
    return ("complete", "all", *chosen)


def _kept(found: Iterable[T | None]) -> tuple[T, ...]:
    """Leave out what was not asked, or is withheld."""
    return tuple(one for one in found if one is not None)


def _card(played: Played) -> StudyCard:
    plan, digest = played.plan, plan_digest(played.plan)
    study, arms = plan.study, plan.treatment
    people = tuple(
        ", ".join(part for part in (p.name, p.role, p.affiliation) if part) for p in study.people
    )
    return StudyCard(
        id=study.id,
        title=study.title,
        purpose=study.purpose,
        people=people,
        time_unit=study.time_unit,
        profile=plan.disclosure.profile,
        plan_digest=digest.hex(),
        plan_handle=handle(digest),
        program=PROGRAM_VERSION,
        roster_digest=played.roster_digest.hex(),
        run_id=played.run_id.hex(),
        chain=played.chain.hex(),
        hospitals=tuple(played.sites),
        simulated=played.simulated,
        arms=Pair(arms.comparator_label, arms.treated_label),
    )


def _flow(plan: Plan, flow: FlowOfPatients) -> Flow:
    labels = {variable.name: variable.label for variable in plan.variables}
    missing = tuple(
        Missing(name, labels[name], Pair(*pair)) for name, pair in flow.missing.items() if any(pair)
    )
    return Flow(
        rows=flow.rows,
        excluded=tuple(Exclusion(reason, rows) for reason, rows in flow.excluded),
        patients=Pair(*flow.patients),
        complete=Pair(*flow.complete),
        missing=missing,
    )
