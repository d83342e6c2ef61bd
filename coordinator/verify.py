"""Proves a bundle without network or hospital: signatures, digests, questions, sums.

Every sum is added up again from the masked vectors, and every question worked out again from the
plan and the sums before it. What was made of the sums is for `coordinator.recompute`.
"""

from contextlib import suppress

from coordinator.bundle import names
from coordinator.bundle.for_readers import commit, read_salts, read_sums
from coordinator.bundle.plain import BundleError
from coordinator.bundle.reader import Bundle, readers_form
from coordinator.bundle.replay import answered
from coordinator.checks import StoppedError, Ticks, Verdict, check_named, of_member
from coordinator.verify_reader import verify_reader
from protocol.ids import SiteId
from protocol.party import Known, begin, withheld
from protocol.plan.model import Plan
from protocol.play import Finished
from protocol.secagg.messages import Result, View, total_digest
from protocol.secagg.result import check_statements
from protocol.secagg.site import FIRST_TRIP
from protocol.secagg.total import add_up


def verify(bundle: Bundle) -> Verdict:
    """Check everything that can be checked in a bundle, in the order in which trust grows."""
    if bundle.for_readers:
        return verify_reader(bundle)
    ticks = Ticks()
    with suppress(StoppedError):
        plan, view = ticks.opening(bundle)
        known = ticks.check("Sums", lambda: _sums(bundle, plan, view))
        ticks.closing(bundle, plan, view.run, known.chain)
        ticks.check("Results", lambda: _results(bundle, known))
        if names.READER in bundle.sizes or names.READER_SALTS in bundle.sizes:
            ticks.check("Readers' form", lambda: _readers(bundle, known))
    return Verdict(tuple(ticks.made))


def _sums(bundle: Bundle, plan: Plan, view: View) -> tuple[str, Known]:
    """Work out every question, check every signature, and add every sum up again."""
    with of_member(names.OPENED):
        known = begin(plan, view)
    for number in range(FIRST_TRIP, FIRST_TRIP + bundle.trips):
        known = _trip(bundle, known, number)
    _require_all_used(bundle, known)
    sums, trips = sum(map(len, known.answers)), len(known.answers)
    vectors = sums * len(view.sites)
    return f"{sums} sums in {trips} trips, re-added from {vectors:,} signed vectors", known


def _results(bundle: Bundle, known: Known) -> tuple[str, None]:
    """See that the results name this run; their numbers are for `recompute`."""
    if check_named(bundle, known.view.run) != known.chain:
        raise BundleError(f"{names.RESULTS}: chain is not this run's")
    return "are of this plan, roster, run and chain; recompute checks their numbers", None


def _readers(bundle: Bundle, known: Known) -> tuple[str, None]:
    """See that what readers got holds, is of this run, and commits to these sums."""
    with readers_form(bundle) as inner:
        faults = [f"{tick.what}: {tick.fault}" for tick in verify_reader(inner).ticks if tick.fault]
        if faults:
            raise BundleError(f"{names.READER}: {faults[0]}")
        for name in sorted({*filter(names.shared, (*inner.sizes, *bundle.sizes))}):
            if name not in inner.sizes or inner.body(name) != bundle.body(name):
                raise BundleError(f"{names.READER}: {name} is another than here")
        summed = read_sums(inner.body(names.SUMS))
    salts = read_salts(bundle.body(names.READER_SALTS))
    steps = range(1, 1 + sum(map(len, known.answers)))
    if [one.step for one in summed] != list(steps) or len(salts) != len(steps):
        raise BundleError(f"{names.READER_SALTS}: does not fit the sums")
    for one, salt in zip(summed, salts, strict=True):
        if commit(one.step, salt, bundle.total(one.step)) != one.commitment:
            raise BundleError(f"{names.READER}: commits to another sum of step {one.step}")
    return f"holds, and commits to these {len(summed)} sums", None


def _trip(bundle: Bundle, known: Known, number: int) -> Known:
    """Check a trip from its question to its sums, and go on with them."""
    request_name, result_name = names.trip(number, "request"), names.trip(number, "result")
    request, result = bundle.request(number), bundle.result(number)
    with of_member(request_name):
        request.verify(known.view)
        steps = tuple((block.step, block.kind) for block in known.blocks)
        if (request.trip, request.steps, request.chain) != (number, steps, known.chain):
            raise BundleError(f"{request_name}: asks what the plan does not ask here")
    with of_member(result_name):
        result.verify(known.view)
        asked = [(block.step, block.digest(known.view.transcript)) for block in known.blocks]
        if (result.trip, [(s.step, s.sd) for s in result.steps]) != (number, asked):
            raise BundleError(f"{result_name}: is the result of other questions")
        check_statements(known.view, number, result.statements)
    _check_sums(bundle, known, result)
    with of_member(result_name):
        return answered(bundle, known, result)


def _check_sums(bundle: Bundle, known: Known, result: Result) -> None:
    salts = _salts(bundle, known, result.trip)
    for block, step in zip(known.blocks, result.steps, strict=True):
        name = names.total(block.step)
        with of_member(f"vectors/{block.step:06}/"):
            added = add_up(known.view, block, (v for _, v in bundle.vectors(step)))
            if added.uploads != step.uploads:
                raise BundleError(f"vectors/{block.step:06}/: are not those that the result lists")
        total = bundle.total(block.step)
        if total != added.words.astype("<u8").tobytes():
            raise BundleError(f"{name}: is not the sum of the hospitals' vectors")
        if total_digest(total, salts.get(block.step, b"")) != step.total_digest:
            raise BundleError(f"{name}: is not the total that the coordinator signed")


def _salts(bundle: Bundle, known: Known, number: int) -> dict[int, bytes]:
    """Give the salts of withheld totals by step."""
    kept = sorted(withheld(known.plan, known.blocks, known.steps))
    salts = bundle.salts(number)
    if len(salts) != len(kept):
        raise BundleError(f"{names.trip(number, 'salts')}: does not fit the totals withheld")
    return dict(zip(kept, salts, strict=True))


def _require_all_used(bundle: Bundle, known: Known) -> None:
    """See that the program came to its end, and that no vector or sum is left over."""
    if not isinstance(known.next, Finished):
        last = names.trip(FIRST_TRIP + len(known.answers), "result")
        raise BundleError(f"{last}: is missing, as the plan asks further")
    steps = range(1, 1 + sum(map(len, known.answers)))
    expected = {names.total(step) for step in steps}
    expected |= {names.vector(step, SiteId(site)) for step in steps for site in known.view.sites}
    numbers = range(FIRST_TRIP, FIRST_TRIP + len(known.answers))
    expected |= {names.trip(n, what) for n in numbers for what in ("request", "result", "salts")}
    ours = ("vectors/", "trips/", "totals/0")
    for name in bundle.sizes:
        if name.startswith(ours) and name not in expected:
            raise BundleError(f"{name}: belongs to no step of the plan")
