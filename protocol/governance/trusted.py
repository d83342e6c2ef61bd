"""The order in which signed things become trusted, in one object (SPEC 2.8, 4.6 to 4.8).

Each rule believes only what the rules before it have established, and cites its clause. Where
somebody might look for a rule and there is none, the place says why.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from protocol.errors import Exit, FederationError
from protocol.governance.approval import (
    NO_CONDITIONS,
    Conditions,
    Decision,
    NotApprovedError,
    Subject,
    standing,
)
from protocol.governance.chain import require_current, verify_chain
from protocol.governance.federation import Federation
from protocol.governance.identity import require_signed
from protocol.governance.proposal import Proposal
from protocol.governance.roster import Roster, RosterError
from protocol.governance.signed import SignedRoster
from protocol.ids import SiteId


class ProgramError(FederationError):
    """The run is of another version of the study program than this node's."""

    code = "program-version"
    exit = Exit.CHECK_FAILED
    fix = "install the version of riskset that the coordinating centre uses, or start a new run"


@dataclass(frozen=True)
class Ground:
    """What a hospital holds to be true before anybody says anything.

    Attributes
    ----------
    identity
        The hospital's own public key, 32 bytes.
    program, software
        The study program's version, and the digest of the installed files (32 bytes).
    operators, needed
        Names of the operators by key (32 bytes), and how many have to approve.
    newest
        The newest roster of each study that was seen, by federation and study.
    time
        What time it is, with its zone.
    """

    federation: Federation
    site: SiteId
    identity: bytes
    program: str
    software: bytes
    operators: Mapping[bytes, str]
    needed: int
    newest: Mapping[tuple[str, str], Roster]
    time: datetime


@dataclass(frozen=True)
class Claims:
    """What a request claims, and what the hospital's ledger keeps beside it. Not believed yet.

    `request` are the parts under the coordinator's `signature`; `proposals` and `decisions` come
    in the order in which they were kept.
    """

    rosters: Sequence[SignedRoster]
    request: tuple[bytes | str, ...]
    signature: bytes
    program: str
    plan_digest: bytes
    proposals: Sequence[Proposal]
    decisions: Sequence[Decision]


@dataclass(frozen=True)
class Trusted:
    """What has been established so far: the chain of rosters, and the approval's conditions."""

    chain: tuple[Roster, ...] = ()
    conditions: Conditions = NO_CONDITIONS

    @property
    def roster(self) -> Roster:
        """The roster in force. The rule of the chain comes first."""
        return self.chain[-1]


Check = Callable[[Ground, Claims, Trusted], Trusted]


@dataclass(frozen=True)
class Rule:
    """One step from claim to trust: its clause, what it establishes, and how.

    `check` is None where nothing is checked; `says` tells why, then. `local` rules hang on the
    hospital's settings: their words stay there.
    """

    clause: str
    says: str
    check: Check | None
    local: bool = False


class RefusedByRuleError(FederationError):
    """A local rule is against it. `rule` names it, and `reason` is what it said."""

    code = NotApprovedError.code
    exit = Exit.NOT_APPROVED

    def __init__(self, rule: Rule, reason: FederationError) -> None:
        super().__init__(f"{reason} (SPEC {rule.clause})", reason.fix)
        self.rule = rule
        self.reason = reason


def _chain(ground: Ground, claims: Claims, _: Trusted) -> Trusted:
    chain = verify_chain(claims.rosters, ground.federation, now=ground.time)
    known = ground.newest.get((chain[-1].federation, chain[-1].study))
    if known is not None:
        # Only now is it known of which study they are.
        chain = verify_chain(claims.rosters, ground.federation, now=ground.time, known=known)
    require_current(chain[-1], ground.federation, ground.newest)
    return Trusted(chain)


def _request(ground: Ground, claims: Claims, so_far: Trusted) -> Trusted:
    del ground
    key = so_far.roster.coordinator
    require_signed("the coordinator", key, claims.signature, *claims.request)
    return so_far


def _program(ground: Ground, claims: Claims, so_far: Trusted) -> Trusted:
    if claims.program != ground.program:
        raise ProgramError(f"the run is of program {claims.program}, not {ground.program}")
    return so_far


def _membership(ground: Ground, claims: Claims, so_far: Trusted) -> Trusted:
    del claims
    if so_far.roster.identity_of(ground.site) != ground.identity:
        raise RosterError(f"the roster names another identity key for {ground.site}")
    return so_far


def _plan(ground: Ground, claims: Claims, so_far: Trusted) -> Trusted:
    own = [one for one in claims.proposals if one.plan_digest == claims.plan_digest]
    if not own:
        raise NotApprovedError(
            "the plan was not proposed to this hospital",
            "take the proposal in with riskset-site pending FILE, and look at it",
        )
    own[-1].verify(ground.federation)
    return so_far


def _approval(ground: Ground, claims: Claims, so_far: Trusted) -> Trusted:
    subject = Subject(
        ground.federation.digest, claims.plan_digest, so_far.roster.digest, ground.software
    )
    own = [one for one in claims.decisions if one.site == ground.site]
    for decision in own:
        decision.verify()
    stands = standing(own, subject, ground.operators, ground.needed)
    return replace(so_far, conditions=stands.require())


ORDER: tuple[Rule, ...] = (
    Rule(
        "2.9",
        "Nothing is checked of the federation's file: people compared its six words by telephone "
        "when the hospital joined, and all else hangs on it.",
        None,
    ),
    Rule(
        "12.3",
        "Nothing is believed because of the line: TLS and the login open it, and every message is "
        "signed for itself.",
        None,
    ),
    Rule(
        "2.8",
        "The roster authority signed every roster of the study, and none is older than what this "
        "hospital has seen.",
        _chain,
    ),
    Rule("4.6", "The coordinator that the last roster names signed the request.", _request),
    Rule("4.6", "The run is of the study program that is installed here.", _program),
    Rule("4.6", "The last roster names this hospital with its own key.", _membership),
    Rule(
        "4.7",
        "One of the federation's plan signers signed the plan.",
        _plan,
        local=True,
    ),
    Rule(
        "4.7",
        "No time is checked of the plan's signature: it says what is computed, and roster and "
        "approval say until when.",
        None,
    ),
    Rule(
        "4.8",
        "As many of this hospital's operators as its settings ask for approved plan, roster and "
        "software, and none has ended it since.",
        _approval,
        local=True,
    ),
    Rule(
        "4.8",
        "Nothing is checked of other hospitals' approvals or software: they decide for their own "
        "patients, and no answer of theirs changes what leaves here.",
        None,
    ),
)
"""All rules, first to last. What hangs on the hospital's rows and ledger comes after (SPEC 4.6)."""


def establish(ground: Ground, claims: Claims, rules: Iterable[Rule] = ORDER) -> Trusted:
    """Go through the rules in their order, and give what is trusted at the end.

    Raises
    ------
    SignatureError, RosterError, ProgramError
        If a rule fails that anybody could have found.
    RefusedByRuleError
        If a local rule fails.
    """
    so_far = Trusted()
    for rule in rules:
        if rule.check is None:
            continue
        try:
            so_far = rule.check(ground, claims, so_far)
        except FederationError as error:
            if rule.local:
                raise RefusedByRuleError(rule, error) from None
            raise
    return so_far


def in_words(rules: Iterable[Rule] = ORDER) -> tuple[str, ...]:
    """Say every rule, and every place without one, with its clause."""
    return tuple(
        f"{'checked' if rule.check else 'not checked'} (SPEC {rule.clause}): {rule.says}"
        for rule in rules
    )
