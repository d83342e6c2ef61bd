"""What is checked in both forms of a bundle: who signed what, and that it hangs together.

`coordinator.verify` adds what only the consortium's form allows, `coordinator.verify_reader` what
is left to check in the readers'.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from coordinator.bundle import approvals, closing, names
from coordinator.bundle.plain import BundleError
from coordinator.bundle.reader import Bundle
from coordinator.bundle.replay import results_member, study_card, view_of
from coordinator.resume import run_of
from protocol import PROGRAM_VERSION
from protocol.errors import FederationError
from protocol.governance.chain import verify_chain
from protocol.governance.federation import FINGERPRINT_WORDS, Federation
from protocol.governance.identity import require_signed
from protocol.governance.roster import Roster, moment
from protocol.ids import SiteId
from protocol.plan.digest import plan_digest
from protocol.plan.model import Plan
from protocol.plan.read import read_canonical
from protocol.plan.words import handle
from protocol.requests import OpenRun
from protocol.secagg.messages import Run, View
from protocol.secagg.site import FIRST_TRIP
from protocol.steps.unlock import Unlock
from protocol.words import words

T = TypeVar("T")


@dataclass(frozen=True)
class Tick:
    """One thing that was checked: what, and what was found. `fault` is empty where it holds.

    `unchecked` says what of it could not be checked in this form of the bundle.
    """

    what: str
    found: str
    fault: str = ""
    code: str = ""
    unchecked: str = ""


@dataclass(frozen=True)
class Verdict:
    """All ticks up to the first fault, behind which nothing means anything."""

    ticks: tuple[Tick, ...]

    @property
    def holds(self) -> bool:
        """Whether everything holds that could be checked."""
        return not any(tick.fault for tick in self.ticks)

    @property
    def complete(self) -> bool:
        """Whether everything could be checked."""
        return not any(tick.unchecked for tick in self.ticks)


class StoppedError(Exception):
    """A check failed; those behind it would build on nothing."""


@dataclass(frozen=True)
class Ticks:
    """Ticks as they come."""

    made: list[Tick] = field(default_factory=list)

    def check(self, what: str, found: Callable[[], tuple[str, T]], unchecked: str = "") -> T:
        """Tick a check that holds and give what it found; end with one that does not."""
        try:
            told, value = found()
        except FederationError as error:
            self.made.append(Tick(what, "", str(error), error.code))
            raise StoppedError from None
        self.made.append(Tick(what, told, unchecked=unchecked))
        return value

    def opening(self, bundle: Bundle) -> tuple[Plan, View]:
        """Check all that both forms of a bundle have before their trips."""
        self.check("Members", lambda: check_members(bundle))
        plan = self.check("Plan", lambda: check_plan(bundle))
        opened, run = self.check("Roster", lambda: check_roster(bundle))
        self.check("Seal", lambda: check_seal(bundle, run))
        for site, told in self.check("Approvals", lambda: check_approvals(bundle, run)).items():
            self.made.append(Tick(f"Approval at {site}", told))
        self.check("Opening", lambda: check_opening(opened, run))
        return plan, self.check("Keys", lambda: check_keys(bundle, run))

    def closing(self, bundle: Bundle, plan: Plan, run: Run, chain: bytes) -> None:
        """Check all that both forms of a bundle have behind their trips."""
        self.check("Closing", lambda: check_closings(bundle, run, chain))
        if plan.study.outcomes_locked or names.UNLOCKED in bundle.sizes:
            self.check("Unlocking", lambda: check_unlocking(bundle, plan, run))


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


def check_members(bundle: Bundle) -> tuple[str, None]:
    """Compare every member with its digest in the manifest."""
    listed = bundle.manifest.members
    changed = [one.name for one in listed if _sha256(bundle, one.name) != one.sha256]
    if changed:
        more = f" (and {len(changed) - 1} more)" if len(changed) > 1 else ""
        raise BundleError(f"{changed[0]}{more}: is not what the manifest lists")
    return f"{len(listed):,} members are as the manifest lists them", None


def _sha256(bundle: Bundle, name: str) -> str:
    return hashlib.sha256(bundle.body(name)).hexdigest()


def check_plan(bundle: Bundle) -> tuple[str, Plan]:
    """Read the plan, and compare its digest."""
    with of_member(names.PLAN):
        plan = read_canonical(bundle.body(names.PLAN))
    digest = plan_digest(plan)
    if digest != bundle.manifest.plan_digest:
        raise BundleError(f"{names.PLAN}: is not the plan that the manifest names")
    return handle(digest), plan


def check_roster(bundle: Bundle) -> tuple[str, tuple[OpenRun, Run]]:
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


def check_seal(bundle: Bundle, run: Run) -> tuple[str, None]:
    """See that the coordinator sealed this manifest."""
    manifest, key = bundle.manifest, run.roster.coordinator
    digest = hashlib.sha256(bundle.body(names.MANIFEST)).digest()
    with of_member(names.SEAL):
        parts = ("bundle", run.ctx, digest)
        require_signed("the coordinator", key, bundle.seal.signature, *parts)
    if (manifest.run, manifest.simulated) != (run.run_id, run.roster.simulated):
        raise BundleError(f"{names.MANIFEST}: names another run")
    return "the coordinator signed the list of members", None


def check_approvals(bundle: Bundle, run: Run) -> tuple[str, dict[SiteId, str]]:
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


def check_opening(opened: OpenRun, run: Run) -> tuple[str, None]:
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


def check_keys(bundle: Bundle, run: Run) -> tuple[str, View]:
    """See that every hospital signed its fresh key."""
    with of_member(names.KEYS):
        view = view_of(bundle, run)
    return f"{len(view.sites)} fresh keys, each signed by its hospital", view


def check_closings(bundle: Bundle, run: Run, chain: bytes) -> tuple[str, None]:
    """See that hospitals signed this end, and which runs of the plan they ever opened (SPEC 6.6).

    One whose word is missing is told and no fault: the run was over when it was asked for it.
    """
    there = bundle.under(closing.FOLDER)
    if not there and run.roster.simulated:
        return "none, as nobody asks simulated hospitals for a last word", None
    said = []
    for name in there:
        with of_member(name):
            said.append(closing.check_closing(bundle.body(name), name, run, chain))
    missing = sorted({one.id for one in run.roster.members} - {one.site for one in said})
    told = f"{len(said)} of {len(run.roster.members)} hospitals signed this chain of results"
    told += f"; the word of {', '.join(missing)} is missing" if missing else ""
    return f"{told}; {closing.runs_in_words(said, run.run_id)}" if said else told, None


def check_unlocking(bundle: Bundle, plan: Plan, run: Run) -> tuple[str, None]:
    """See why outcomes were unlocked, where the plan locks them."""
    there = names.UNLOCKED in bundle.sizes
    if not there and run.roster.simulated:
        return "nobody unlocks a simulation", None
    if there is not plan.study.outcomes_locked:
        told = "the plan locks no outcome" if there else "is missing, and the plan locks outcomes"
        raise BundleError(f"{names.UNLOCKED}: {told}")
    numbers = range(FIRST_TRIP, FIRST_TRIP + bundle.trips)
    asked = [n for n in numbers if any(kind == Unlock.name for _, kind in bundle.request(n).steps)]
    said = closing.check_unlocked(bundle.body(names.UNLOCKED), asked)
    told = f"before trip {said.trip}, {said.time}: {said.reason}"
    return approvals.shown(told), None


def check_named(bundle: Bundle, run: Run) -> bytes:
    """See that the results name this plan, roster and run, and give the chain that they name."""
    study, member = study_card(bundle), results_member(bundle)
    for name, value in (
        ("plan_digest", run.plan_digest.hex()),
        ("roster_digest", run.roster.digest.hex()),
        ("run_id", run.run_id.hex()),
        ("simulated", run.roster.simulated),
    ):
        if study.get(name) != value:
            raise BundleError(f"{member}: {name} is not this run's")
    try:
        return bytes.fromhex(study["chain"])
    except (KeyError, TypeError, ValueError):
        raise BundleError(f"{member}: names no chain") from None


def _hospitals(roster: Roster) -> str:
    count = len(roster.members)
    return "1 hospital" if count == 1 else f"{count} hospitals"
