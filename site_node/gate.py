"""The gate: all that a hospital refuses before it makes a key for a run (SPEC 4.6).

What everybody could have found is refused by its own code. What hangs on this hospital's patients,
ledger or settings leaves as `local-policy` alone; the reason stays in its log and ledger.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from protocol import PROGRAM_VERSION
from protocol.canonical import digest
from protocol.disclosure import check_roster
from protocol.disclosure_site import require_cohort, require_plan
from protocol.errors import Exit, FederationError
from protocol.governance.approval import Conditions
from protocol.governance.atoms import require_rule_l
from protocol.governance.federation import party_words
from protocol.governance.roster import Roster
from protocol.governance.trusted import Claims, Ground, RefusedByRuleError, Trusted, establish
from protocol.ids import SiteId
from protocol.party import are_sealed
from protocol.plan.model import Plan
from protocol.requests import LOCAL_POLICY, OpenRun
from protocol.secagg.keys import check_ephemeral
from protocol.secagg.messages import Run, RunError
from protocol.words import same_words
from site_node.approvals import Approvals
from site_node.config import SiteConfig
from site_node.course import run_of
from site_node.data.snapshot import Snapshot


class HeldBackError(FederationError):
    """A rule of this hospital's forbids an answer. Its text never leaves."""

    code = LOCAL_POLICY
    exit = Exit.DISCLOSURE
    fix = "look at the reason; if the rule is to give way, change the hospital's settings"


@dataclass(frozen=True)
class Past:
    """What the ledger says of runs before: what the gate has to know.

    Attributes
    ----------
    newest
        The newest roster of each study that was seen, by federation and study.
    released
        Rosters under which data left, or may leave in a run that is open.
    runs
        How many runs each snapshot was used for.
    begun
        How many runs began of each plan under each roster, by both digests.
    """

    newest: Mapping[tuple[str, str], Roster]
    released: Sequence[Roster]
    runs: Mapping[bytes, int]
    begun: Mapping[tuple[bytes, bytes], int]


@dataclass(frozen=True)
class Gate:
    """The rules of one hospital: its settings, what its operators approved, its rows by plan."""

    config: SiteConfig
    approvals: Approvals
    data: Mapping[bytes, Snapshot]

    @property
    def identity(self) -> bytes:
        """The hospital's own public key, 32 bytes."""
        return self.approvals.house.identity

    def admit(self, asked: OpenRun, past: Past, now: datetime) -> tuple[Run, Snapshot]:
        """Let a run begin, or refuse it. Looks at patients last, and makes nothing.

        Raises
        ------
        SignatureError, RosterError, RunError, ProgramError, DisclosureError
            If rosters, request or plan are not what anybody would accept.
        HeldBackError
            If a rule of this hospital's own is against it.
        """
        trusted = self._trusted(asked, past, now)
        run = run_of(asked)
        snapshot = self._rows(run)
        check_roster(snapshot.plan, len(run.roster.sites), simulated=run.roster.simulated)
        _require_seal(snapshot.plan, asked)
        self._require_company(run.roster)
        self._require_rows(snapshot, past)
        self._require_conditions(trusted.conditions, run, snapshot, past, now)
        _require_atoms(self.config.site, trusted.chain, past, asked)
        return run, snapshot

    def require_approved(self, run: Run, steps: Iterable[str], now: datetime) -> None:
        """Look again whether a run that has begun may go on with these steps.

        Raises
        ------
        HeldBackError
            If it is not approved any more.
        """
        try:
            self.approvals.require(run.plan_digest, run.roster, steps, now)
        except FederationError as error:
            raise HeldBackError(str(error), error.fix) from None

    def _trusted(self, asked: OpenRun, past: Past, now: datetime) -> Trusted:
        house = self.approvals.house
        ground = Ground(
            federation=house.federation,
            site=house.site,
            identity=house.identity,
            program=PROGRAM_VERSION,
            software=house.software,
            operators=house.operators,
            needed=house.needed,
            newest=past.newest,
            time=now,
        )
        claims = Claims(
            rosters=asked.rosters,
            request=asked.signed,
            signature=asked.signature,
            program=asked.program,
            plan_digest=digest("plan", asked.plan),
            proposals=self.approvals.proposals,
            decisions=self.approvals.decisions,
        )
        try:
            return establish(ground, claims)
        except RefusedByRuleError as error:
            run_of(asked)  # what anybody could have found is told first
            raise HeldBackError(str(error), error.fix) from None

    def _rows(self, run: Run) -> Snapshot:
        try:
            snapshot = self.data.get(run.plan_digest)
        except FederationError as error:
            raise HeldBackError(str(error), error.fix) from None
        if snapshot is None:
            raise HeldBackError(
                "there are no rows for the plan",
                "name its extract under [[plans]] or [data] in site.toml",
            )
        return snapshot

    def _require_conditions(
        self, terms: Conditions, run: Run, snapshot: Snapshot, past: Past, now: datetime
    ) -> None:
        begun = past.begun.get((run.plan_digest, run.roster.digest), 0)
        patients = len(snapshot.cohort.arm)
        try:
            terms.require(now=now, runs=begun, sites=len(run.roster.sites), patients=patients)
        except FederationError as error:
            raise HeldBackError(str(error), error.fix) from None

    def _require_company(self, roster: Roster) -> None:
        """Hold the roster to the hospital's own minimum, and to keys compared by telephone."""
        config = self.config
        if len(roster.sites) < config.min_sites:
            raise HeldBackError(f"the roster has fewer than {config.min_sites} hospitals")
        others = {member.id: member.identity for member in roster.members}
        known = [site for site in config.known_sites if site in others]
        for site in known:
            if not same_words(config.known_sites[site], party_words(others[site])):
                raise HeldBackError(
                    f"{site}: the roster has another key than the one whose words were compared",
                    f"telephone {site} and compare the words anew before anything else",
                )
        if len(known) < config.min_known_sites:
            raise HeldBackError(
                f"the roster has fewer than {config.min_known_sites} hospitals whose words are "
                "known here",
                "telephone other hospitals of it, and put their words under [[known_sites]]",
            )

    def _require_rows(self, snapshot: Snapshot, past: Past) -> None:
        try:
            snapshot.require_same()
            require_plan(snapshot.plan, self.config.tighter)
            require_cohort(snapshot.plan, snapshot.cohort, self.config.tighter)
        except FederationError as error:
            raise HeldBackError(str(error), error.fix) from None
        if past.runs.get(snapshot.digest, 0) >= self.config.max_runs:
            raise HeldBackError(
                f"this extract was used for {self.config.max_runs} runs already (rule Q)",
                "raise max_runs under [limits] in site.toml, if more runs are welcome",
            )


def _require_seal(plan: Plan, asked: OpenRun) -> None:
    """See that answers can be sealed to the coordinator, where the profile wants it (SPEC 9.3)."""
    if bool(asked.seal) != are_sealed(plan):
        wanted = "a key to seal answers to" if are_sealed(plan) else "no key to seal answers to"
        raise RunError(f"the request that opens the run should have {wanted}")
    if asked.seal:
        check_ephemeral("the coordinator", asked.seal)


def _require_atoms(site: SiteId, chain: Sequence[Roster], past: Past, asked: OpenRun) -> None:
    try:
        require_rule_l(site, chain, past.released, asked.consents)
    except FederationError as error:
        # Which rosters there were before is this hospital's knowledge.
        raise HeldBackError(str(error), error.fix) from None
