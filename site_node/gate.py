"""The gate: all that a hospital refuses before it makes a key for a run (SPEC 4.6).

What everybody could have found is refused by its own code. What hangs on this hospital's patients,
ledger or settings leaves as `local-policy` alone; the reason stays in its log and ledger.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from protocol import PROGRAM_VERSION
from protocol.disclosure import check_roster
from protocol.disclosure_site import require_cohort, require_plan
from protocol.errors import Exit, FederationError
from protocol.governance.atoms import require_rule_l
from protocol.governance.chain import verify_chain
from protocol.governance.federation import Federation, party_words
from protocol.governance.roster import Roster, RosterError
from protocol.ids import SiteId
from protocol.requests import LOCAL_POLICY, OpenRun
from protocol.secagg.messages import Run
from protocol.words import same_words
from site_node.config import SiteConfig
from site_node.course import run_of
from site_node.data.snapshot import Snapshot


class HeldBackError(FederationError):
    """A rule of this hospital's forbids an answer. Its text never leaves."""

    code = LOCAL_POLICY
    exit = Exit.DISCLOSURE
    fix = "look at the reason; if the rule is to give way, change the hospital's settings"


class ProgramError(FederationError):
    """The run is of another version of the study program than this node's."""

    code = "program-version"
    fix = "install the version of riskset that the coordinating centre uses, or start a new run"


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
    """

    newest: Mapping[tuple[str, str], Roster]
    released: Sequence[Roster]
    runs: Mapping[bytes, int]


@dataclass(frozen=True)
class Gate:
    """The rules of one hospital: its settings, whom it trusts, its rows by approved plan."""

    config: SiteConfig
    identity: bytes
    federation: Federation
    data: Mapping[bytes, Snapshot]

    def admit(self, asked: OpenRun, past: Past, now: datetime) -> tuple[Run, Snapshot]:
        """Let a run begin, or refuse it. Looks at patients last, and makes nothing.

        Raises
        ------
        SignatureError, RosterError, RunError, ProgramError, DisclosureError
            If rosters, request or plan are not what anybody would accept.
        HeldBackError
            If a rule of this hospital's own is against it.
        """
        chain = self._chain(asked, past, now)
        asked.verify(chain[-1].coordinator)
        if asked.program != PROGRAM_VERSION:
            raise ProgramError(f"the run is of program {asked.program}, not {PROGRAM_VERSION}")
        run = run_of(asked)
        if run.roster.identity_of(self.config.site) != self.identity:
            raise RosterError(f"the roster names another identity key for {self.config.site}")
        snapshot = self._approved(run)
        check_roster(snapshot.plan, len(run.roster.sites), simulated=run.roster.simulated)
        self._require_company(run.roster)
        self._require_rows(snapshot, past)
        _require_atoms(self.config.site, chain, past, asked)
        return run, snapshot

    def _chain(self, asked: OpenRun, past: Past, now: datetime) -> tuple[Roster, ...]:
        chain = verify_chain(asked.rosters, self.federation, now=now)
        known = past.newest.get((chain[-1].federation, chain[-1].study))
        if known is None:
            return chain
        # Only now is it known of which study they are.
        return verify_chain(asked.rosters, self.federation, now=now, known=known)

    def _approved(self, run: Run) -> Snapshot:
        snapshot = self.data.get(run.plan_digest)
        if snapshot is None:
            raise HeldBackError(
                "the plan is none that this hospital approved",
                "look at the plan, and name it under [[plans]] in site.toml if it is welcome",
            )
        return snapshot

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


def _require_atoms(site: SiteId, chain: Sequence[Roster], past: Past, asked: OpenRun) -> None:
    try:
        require_rule_l(site, chain, past.released, asked.consents)
    except FederationError as error:
        # Which rosters there were before is this hospital's knowledge.
        raise HeldBackError(str(error), error.fix) from None
