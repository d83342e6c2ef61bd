"""Proves a bundle without network or hospital: signatures, digests, questions, sums.

Every sum is added up again from the masked vectors, and every question worked out again from the
plan and the sums before it. What was made of the sums is for `coordinator.recompute`.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar

from coordinator.bundle import approvals, names
from coordinator.bundle.plain import BundleError
from coordinator.bundle.reader import Bundle
from coordinator.bundle.replay import answered, parsed_results, view_of
from coordinator.resume import run_of
from protocol import PROGRAM_VERSION
from protocol.errors import FederationError
from protocol.governance.chain import verify_chain
from protocol.governance.federation import FINGERPRINT_WORDS, Federation
from protocol.governance.identity import require_signed
from protocol.governance.roster import Roster, moment
from protocol.ids import SiteId
from protocol.party import Known, begin, withheld
from protocol.plan.digest import plan_digest
from protocol.plan.model import Plan
from protocol.plan.read import read_canonical
from protocol.plan.words import handle
from protocol.play import Finished
from protocol.requests import OpenRun
from protocol.secagg.messages import Result, Run, View, total_digest
from protocol.secagg.result import check_statements
from protocol.secagg.site import FIRST_TRIP
from protocol.secagg.total import add_up
from protocol.words import words

T = TypeVar("T")


@dataclass(frozen=True)
class Tick:
    """One thing that was checked: what, and what was found. `fault` is empty where it holds."""

    what: str
    found: str
    fault: str = ""
    code: str = ""


@dataclass(frozen=True)
class Verdict:
    """All ticks up to the first fault, behind which nothing means anything."""

    ticks: tuple[Tick, ...]

    @property
    def holds(self) -> bool:
        """Whether everything holds."""
        return not any(tick.fault for tick in self.ticks)


class _StoppedError(Exception):
    """A check failed; those behind it would build on nothing."""


@dataclass(frozen=True)
class _Ticks:
    """Ticks as they come."""

    made: list[Tick] = field(default_factory=list)

    def check(self, what: str, found: Callable[[], tuple[str, T]]) -> T:
        """Tick a check that holds and give what it found; end with one that does not."""
        try:
            told, value = found()
        except FederationError as error:
            self.made.append(Tick(what, "", str(error), error.code))
            raise _StoppedError from None
        self.made.append(Tick(what, told))
        return value


def verify(bundle: Bundle) -> Verdict:
    """Check everything that can be checked in a bundle, in the order in which trust grows."""
    ticks = _Ticks()
    with suppress(_StoppedError):
        ticks.check("Members", lambda: _members(bundle))
        plan = ticks.check("Plan", lambda: _plan(bundle))
        opened, run = ticks.check("Roster", lambda: _roster(bundle))
        ticks.check("Seal", lambda: _seal(bundle, run))
        for site, told in ticks.check("Approvals", lambda: _approvals(bundle, run)).items():
            ticks.made.append(Tick(f"Approval at {site}", told))
        ticks.check("Opening", lambda: _opening(opened, run))
        view = ticks.check("Keys", lambda: _keys(bundle, run))
        known = ticks.check("Sums", lambda: _sums(bundle, plan, view))
        ticks.check("Results", lambda: _results(bundle, known))
    return Verdict(tuple(ticks.made))


@contextmanager
def of_member(name: str) -> Iterator[None]:
    """Say of which member a fault is."""
    try:
        yield
    except BundleError:
        raise
    except FederationError as error:
        raise BundleError(f"{name}: {error}") from error
    except ValueError as error:
        raise BundleError(f"{name}: {error}") from error


def _members(bundle: Bundle) -> tuple[str, None]:
    """Compare every member with its digest in the manifest."""
    listed = bundle.manifest.members
    changed = [one.name for one in listed if _sha256(bundle, one.name) != one.sha256]
    if changed:
        more = f" (and {len(changed) - 1} more)" if len(changed) > 1 else ""
        raise BundleError(f"{changed[0]}{more}: is not what the manifest lists")
    return f"{len(listed):,} members are as the manifest lists them", None


def _sha256(bundle: Bundle, name: str) -> str:
    return hashlib.sha256(bundle.body(name)).hexdigest()


def _plan(bundle: Bundle) -> tuple[str, Plan]:
    """Read the plan, and compare its digest."""
    with of_member(names.PLAN):
        plan = read_canonical(bundle.body(names.PLAN))
    digest = plan_digest(plan)
    if digest != bundle.manifest.plan_digest:
        raise BundleError(f"{names.PLAN}: is not the plan that the manifest names")
    return handle(digest), plan


def _roster(bundle: Bundle) -> tuple[str, tuple[OpenRun, Run]]:
    """See who takes part, and that the roster authority signed it."""
    opened = bundle.opened
    with of_member(names.OPENED):
        run = run_of(opened, bundle.manifest.plan_digest)
    if names.FEDERATION in bundle.sizes:
        return _authority(bundle, opened), (opened, run)
    if not run.roster.simulated:
        raise BundleError(f"{names.FEDERATION}: is missing, so nobody's signature counts")
    return f"{_hospitals(run.roster)}, SIMULATED: nobody signed the roster", (opened, run)


def _authority(bundle: Bundle, opened: OpenRun) -> str:
    """Check the chain of rosters, and the consents of hospitals that left."""
    with of_member(names.FEDERATION):
        federation = Federation.from_bytes(bundle.body(names.FEDERATION))
    with of_member("rosters/"):
        last = Roster.from_bytes(opened.rosters[-1].payload)
        # Whether a roster was in force was for the hospitals to say, on their day.
        chain = verify_chain(opened.rosters, federation, now=moment(last.not_before))
    with of_member(names.OPENED):
        identities = {m.id: m.identity for roster in chain for m in roster.members}
        for consent in opened.consents:
            consent.verify(identities.get(consent.site, b""), federation.name, last.study)
    told = words(federation.digest, FINGERPRINT_WORDS)
    return f"{_hospitals(last)}, version {last.version}, of the federation {told}"


def _seal(bundle: Bundle, run: Run) -> tuple[str, None]:
    """See that the coordinator sealed this manifest."""
    manifest, key = bundle.manifest, run.roster.coordinator
    digest = hashlib.sha256(bundle.body(names.MANIFEST)).digest()
    with of_member(names.SEAL):
        parts = ("bundle", run.ctx, digest)
        require_signed("the coordinator", key, bundle.seal.signature, *parts)
    if (manifest.run, manifest.simulated) != (run.run_id, run.roster.simulated):
        raise BundleError(f"{names.MANIFEST}: names another run")
    return "the coordinator signed the list of members", None


def _approvals(bundle: Bundle, run: Run) -> tuple[str, dict[SiteId, str]]:
    """Say for each hospital who approved the plan and when, all as they signed it (SPEC 4.8).

    One whose answer is missing is told and no fault: hospitals answered the run, and each answers
    nothing that it did not approve.
    """
    federation = None
    if names.FEDERATION in bundle.sizes:
        federation = Federation.from_bytes(bundle.body(names.FEDERATION)).digest
    there = [name for name in bundle.sizes if name.startswith(approvals.FOLDER)]
    found = dict[SiteId, str]()
    for name in there:
        with of_member(name):
            said = approvals.check_approval(bundle.body(name), name, run, federation)
        found[said.site] = approvals.sentence(said)
    if not there and run.roster.simulated:
        return "none, as nobody has to approve a simulation", {}
    told = {one.id: found.get(one.id, "missing in this bundle") for one in run.roster.members}
    count = len(run.roster.members)
    return f"of {len(found)} of {count} hospitals, each signed by it and its operators", told


def _opening(opened: OpenRun, run: Run) -> tuple[str, None]:
    """See that the coordinator opened the run with this plan, roster and program."""
    with of_member(names.OPENED):
        opened.verify(run.roster.coordinator)
    if opened.program != PROGRAM_VERSION:
        raise BundleError(
            f"{names.OPENED}: the run is of program version {opened.program}; this is version "
            f"{PROGRAM_VERSION}",
            fix="verify it with the version of riskset that software.json names",
        )
    return f"run {run.run_id.hex()[:8]}, program version {opened.program}", None


def _keys(bundle: Bundle, run: Run) -> tuple[str, View]:
    """See that every hospital signed its fresh key."""
    with of_member(names.KEYS):
        view = view_of(bundle, run)
    return f"{len(view.sites)} fresh keys, each signed by its hospital", view


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
    study = parsed_results(bundle).get("study", {})
    run = known.view.run
    for name, digest in (
        ("plan_digest", run.plan_digest),
        ("roster_digest", run.roster.digest),
        ("run_id", run.run_id),
        ("chain", known.chain),
    ):
        if study.get(name) != digest.hex():
            raise BundleError(f"{names.RESULTS}: {name} is not this run's")
    return "are of this plan, roster, run and chain; recompute checks their numbers", None


def _hospitals(roster: Roster) -> str:
    count = len(roster.members)
    return "1 hospital" if count == 1 else f"{count} hospitals"


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
