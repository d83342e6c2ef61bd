"""Plays a study again from the sums in a bundle: same questions, same answers, and no vector."""

import json
from typing import Any

import numpy as np

from coordinator.bundle import approvals, closing, names
from coordinator.bundle.plain import BundleError
from coordinator.bundle.reader import Bundle
from coordinator.resume import run_of
from protocol.governance.roster import RosterError
from protocol.party import Known, begin
from protocol.plan.read import read_canonical
from protocol.play import Finished
from protocol.question import Record
from protocol.results import Results, results
from protocol.run import Asked, Played
from protocol.secagg.block import Total
from protocol.secagg.messages import Block, Result, Run, View
from protocol.secagg.result import Checked
from protocol.secagg.setup import agree
from protocol.secagg.site import FIRST_TRIP
from protocol.secagg.total import read


def view_of(bundle: Bundle, run: Run) -> View:
    """Agree on the transcript of keys; each must be signed by its hospital.

    Raises
    ------
    FederationError
        If the keys are not the roster's, or not signed.
    """
    shares = bundle.shares
    if [share.site for share in shares] != list(run.roster.sites):
        raise RosterError("the fresh keys are not exactly the roster's, in order")
    return agree(run, {share.site: share for share in shares})


def answered(bundle: Bundle, known: Known, result: Result) -> Known:
    """Read a trip's opened sums, and go on with them.

    Raises
    ------
    BundleError, SumError
        If a sum has another size than its question, or none that honest hospitals could make.
    """
    totals = tuple(_total(bundle, known.view, block) for block in known.blocks)
    return known.after(Checked(result, totals))


def _total(bundle: Bundle, view: View, block: Block) -> Total:
    raw = bundle.total(block.step)
    if len(raw) != block.length * block.width // 8:
        raise BundleError(f"{names.total(block.step)}: has another size than its question")
    return read(view, block, np.frombuffer(raw, dtype="<u8"))


def replayed(bundle: Bundle) -> Played:
    """Play the study from the plan and the sums alone.

    Raises
    ------
    FederationError
        If the sums are not those of this plan's questions, or do not lead to its end.
    """
    plan, opened = read_canonical(bundle.body(names.PLAN)), bundle.opened
    known = begin(plan, view_of(bundle, run_of(opened, bundle.manifest.plan_digest)))
    asked: list[Asked] = []
    for number in range(FIRST_TRIP, FIRST_TRIP + bundle.trips):
        pairs = zip(known.steps, known.blocks, strict=True)
        asked += [Asked(number, step.name, step.key(), block) for step, block in pairs]
        known = answered(bundle, known, bundle.result(number))
    if not isinstance(known.next, Finished):
        raise BundleError("totals/: the plan asks further than the sums go")
    run = known.view.run
    return Played(
        plan=plan,
        roster_digest=run.roster.digest,
        run_id=run.run_id,
        sites=known.view.sites,
        record=Record([answer for trip in known.answers for answer in trip]),
        asked=tuple(asked),
        findings=known.next.value,
        chain=known.chain,
        simulated=run.roster.simulated,
    )


def results_of(bundle: Bundle) -> Results:
    """Work results out again from the plan, the sums, and what hospitals said of both.

    Raises
    ------
    FederationError
        If the sums are not those of this plan's questions, or an answer is none.
    """
    said = {name: bundle.body(name) for name in bundle.under(approvals.FOLDER)}
    names_of = bundle.under(closing.FOLDER)
    done = [closing.read_closing(bundle.body(name), name) for name in names_of]
    return results(replayed(bundle), approvals.conditions(said), closing.runs_of(done))


def results_member(bundle: Bundle) -> str:
    """Name the member that holds the numbers of this form of the bundle."""
    return names.PUBLICATION if bundle.for_readers else names.RESULTS


def parsed_results(bundle: Bundle) -> dict[str, Any]:
    """Read the results as they stand: at full precision, or as the publication shows them.

    Raises
    ------
    BundleError
        If it is no JSON object.
    """
    name = results_member(bundle)
    try:
        data = json.loads(bundle.body(name))
    except (ValueError, RecursionError):
        raise BundleError(f"{name}: is no JSON") from None
    if bundle.for_readers:
        data = data.get("results") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(data.get("study"), dict):
        raise BundleError(f"{name}: holds no results")
    return data


def study_card(bundle: Bundle) -> dict[str, Any]:
    """Read what the results say of study and run.

    Raises
    ------
    BundleError
        If they say nothing.
    """
    card: dict[str, Any] = parsed_results(bundle)["study"]
    return card
