"""Checks a bundle in the readers' form: all but the sums, which are withheld there.

What cannot be checked is told with each check, so that nobody takes the whole for proved.
"""

from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from coordinator.bundle import names
from coordinator.bundle.for_readers import Summed, commit, read_sums
from coordinator.bundle.plain import BundleError
from coordinator.bundle.reader import Bundle
from coordinator.checks import StoppedError, Ticks, Verdict, check_named, of_member
from protocol.layout import Layout
from protocol.party import begin
from protocol.plan.model import Plan
from protocol.secagg.messages import Block, Run, Trip, View
from protocol.secagg.site import FIRST_STEP, FIRST_TRIP
from protocol.secagg.total import read
from protocol.secagg.transcript import parameters
from protocol.steps.coin import ShowCoin
from protocol.steps.lock import Lock
from protocol.steps.unlock import Unlock

WITHOUT_DATA = (Lock.name, ShowCoin.name, Unlock.name)
"""Kinds of steps in which no patient's data leaves."""

QUESTIONS = "whether plan and sums lead to these questions: most sums are withheld"
SUMS = (
    "the sums with patients in them: they are withheld, so nothing here was added up again; the "
    "consortium's bundle has them and the hospitals' vectors"
)
RESULTS = "whether these numbers follow from the sums: the consortium's bundle says it"


def verify_reader(bundle: Bundle) -> Verdict:
    """Check everything that can be checked without sums, in the order in which trust grows."""
    ticks = Ticks()
    with suppress(StoppedError):
        plan, view = ticks.opening(bundle)
        asked = ticks.check("Questions", lambda: _questions(bundle, plan, view), QUESTIONS)
        chain = ticks.check("Results", lambda: _results(bundle, view.run), RESULTS)
        ticks.closing(bundle, plan, view.run, chain)
        ticks.check("Sums", lambda: _sums(bundle, view, asked), SUMS)
    return Verdict(tuple(ticks.made))


def _questions(bundle: Bundle, plan: Plan, view: View) -> tuple[str, tuple[Trip, ...]]:
    """See that the coordinator signed each question, in order, and the plan's own first."""
    with of_member(names.OPENED):
        first = begin(plan, view)
    found: list[Trip] = []
    step = FIRST_STEP
    for number in range(FIRST_TRIP, FIRST_TRIP + bundle.trips):
        name = names.trip(number, "request")
        request = bundle.request(number)
        with of_member(name):
            request.verify(view)
        steps = [place for place, _ in request.steps]
        if request.trip != number or not steps or steps != [*range(step, step + len(steps))]:
            raise BundleError(f"{name}: does not follow the questions before")
        found.append(request)
        step += len(steps)
    wanted = tuple((block.step, block.kind) for block in first.blocks)
    if not found or (found[0].steps, found[0].chain) != (wanted, first.chain):
        raise BundleError(f"{names.trip(FIRST_TRIP, 'request')}: is not what the plan asks first")
    told = f"{step - FIRST_STEP} in {len(found)} trips, each signed by the coordinator"
    return told, tuple(found)


def _results(bundle: Bundle, run: Run) -> tuple[str, bytes]:
    """See that the published results name this run, and give the chain that they name."""
    chain = check_named(bundle, run)
    return "are of this plan, roster and run; recompute lays tables and report out again", chain


def _sums(bundle: Bundle, view: View, asked: Sequence[Trip]) -> tuple[str, None]:
    """See that there is a commitment for each step, and open those without a patient's data."""
    summed = read_sums(bundle.body(names.SUMS))
    steps = [(trip, step, kind) for trip in asked for step, kind in trip.steps]
    if [(one.trip, one.step, one.kind) for one in summed] != [
        (trip.trip, step, kind) for trip, step, kind in steps
    ]:
        raise BundleError(f"{names.SUMS}: lists other steps than were asked")
    opened = [one.total for one in summed if one.salt]
    if odd := sorted(set(bundle.under("totals/")) - set(opened)):
        raise BundleError(f"{odd[0]}: belongs to no commitment")
    for one, (trip, _, _) in zip(summed, steps, strict=True):
        if one.salt:
            _open(bundle, view, one, trip.chain)
    held = len(summed) - len(opened)
    return f"{len(opened)} without a patient's data are those committed to, {held} withheld", None


def _open(bundle: Bundle, view: View, one: Summed, chain: bytes) -> None:
    """Open a commitment, and see that the hospitals' masks cancelled in this very sum."""
    if one.kind not in WITHOUT_DATA:
        raise BundleError(f"{one.total}: is a sum with patients in it, which no reader gets")
    total = bundle.total(one.step)
    if commit(one.step, one.salt, total) != one.commitment:
        raise BundleError(f"{one.total}: is not the sum that was committed to, or has another salt")
    block = Block(one.step, one.kind, Layout(()), parameters(chain, ()), lock=True)
    if len(total) != block.length * block.width // 8:
        raise BundleError(f"{one.total}: has another size than its question")
    with of_member(one.total):
        read(view, block, np.frombuffer(total, dtype="<u8"))
