"""What operators of a hospital decide about a plan, each under a key of their own (SPEC 4.8).

A decision binds digests: of the plan, of the roster, of the software and of the federation. So a
changed word of a plan, one more hospital or another version of the program needs a new one.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import reduce
from typing import Any

from protocol.canonical import DIGEST_SIZE, Json, canonical_json
from protocol.errors import Exit, FederationError
from protocol.governance.identity import identity_public, require_signed, sign
from protocol.governance.roster import moment
from protocol.ids import SiteId, site_id

MOST_TEXT = 2000
"""Characters of a comment: a reason, and no attachment."""


class DecisionError(FederationError):
    """The bytes are no decision, or one that cannot be taken here."""

    code = "decision"
    exit = Exit.TAMPERING
    fix = "decide again with riskset-site approve, refuse, return or withdraw"


class NotApprovedError(FederationError):
    """The hospital's operators have not approved what is asked, or no longer."""

    code = "not-approved"
    exit = Exit.NOT_APPROVED
    fix = "see riskset-site pending; what is welcome is approved with riskset-site approve"


class Verdict(StrEnum):
    """What an operator says. All but the first end whatever was approved before."""

    APPROVE = "approve"
    REFUSE = "refuse"
    RETURN = "return"
    WITHDRAW = "withdraw"


class State(StrEnum):
    """How a plan stands at a hospital."""

    PENDING = "pending"
    APPROVED = "approved"
    REFUSED = "refused"
    RETURNED = "returned"
    WITHDRAWN = "withdrawn"


_ENDED = {
    Verdict.REFUSE: State.REFUSED,
    Verdict.RETURN: State.RETURNED,
    Verdict.WITHDRAW: State.WITHDRAWN,
}


@dataclass(frozen=True)
class Subject:
    """What a decision is about, by four digests of 32 bytes.

    Raises
    ------
    ValueError
        If one has another size.
    """

    federation: bytes
    plan: bytes
    roster: bytes
    software: bytes

    def __post_init__(self) -> None:
        if any(len(one) != DIGEST_SIZE for one in astuple(self)):
            raise ValueError(f"a decision names digests of {DIGEST_SIZE} bytes")


@dataclass(frozen=True)
class Conditions:
    """Under which conditions a plan is approved. Each can only be tightened by another approval.

    Attributes
    ----------
    expires
        UTC, as in rosters: nothing is answered from then on. Empty: while the roster lasts.
    runs
        Runs of the plan that may begin under this roster; 0 leaves it to the hospital's limits.
    min_sites
        Hospitals of the roster at the least; 0 leaves it to plan and settings.
    site_patients
        Patients that this hospital has to have in the study; 0 leaves it to the profile.
    dropped
        Steps by name that this hospital never answers: a run that comes to one stops there.

    Raises
    ------
    ValueError
        If a number is negative or a time is none.
    """

    expires: str = ""
    runs: int = 0
    min_sites: int = 0
    site_patients: int = 0
    dropped: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "dropped", tuple(sorted(set(self.dropped))))
        numbers = (self.runs, self.min_sites, self.site_patients)
        if any(type(number) is not int or number < 0 for number in numbers):
            raise ValueError("a condition's number is 0 or more")
        if any(not isinstance(text, str) for text in (self.expires, *self.dropped)):
            raise ValueError("a condition's time and steps are text")
        if self.expires:
            moment(self.expires)

    def and_also(self, other: "Conditions") -> "Conditions":
        """Give what satisfies both: the sooner end, the fewer runs, the tighter rule."""
        ends = [end for end in (self.expires, other.expires) if end]
        runs = [most for most in (self.runs, other.runs) if most]
        return Conditions(
            expires=min(ends, key=moment, default=""),
            runs=min(runs, default=0),
            min_sites=max(self.min_sites, other.min_sites),
            site_patients=max(self.site_patients, other.site_patients),
            dropped=(*self.dropped, *other.dropped),
        )

    def in_words(self) -> str:
        """Say them to people; nothing where there are none."""
        told = [f"until {self.expires}"] if self.expires else []
        told += [f"{_counted(self.runs)} at the most"] if self.runs else []
        told += [f"{self.min_sites} hospitals or more"] if self.min_sites else []
        told += [f"{self.site_patients} own patients or more"] if self.site_patients else []
        told += [f"without {', '.join(self.dropped)}"] if self.dropped else []
        return ", ".join(told)

    def require(self, *, now: datetime, runs: int = 0, sites: int, patients: int) -> None:
        """Refuse what the conditions do not cover. `runs` began before; 0 within a run.

        Raises
        ------
        NotApprovedError
            Naming the first condition that is not met.
        """
        if self.expires and now >= moment(self.expires):
            raise NotApprovedError(f"the approval expired on {self.expires}")
        if self.runs and runs >= self.runs:
            raise NotApprovedError(f"the approval is for {_counted(self.runs)}, and they are used")
        if sites < self.min_sites:
            raise NotApprovedError(f"the approval asks for {self.min_sites} hospitals or more")
        if patients < self.site_patients:
            raise NotApprovedError(
                f"the approval asks for {self.site_patients} patients or more at this hospital"
            )

    def require_wanted(self, steps: Iterable[str]) -> None:
        """Refuse steps that the approval leaves out.

        Raises
        ------
        NotApprovedError
            Naming the first.
        """
        for step in steps:
            if step in self.dropped:
                raise NotApprovedError(f"the approval leaves out the step {step}")


NO_CONDITIONS = Conditions()


@dataclass(frozen=True)
class Decision:
    """An operator's word on a plan. `key` is raw Ed25519, 32 bytes; `time` is UTC."""

    verdict: Verdict
    site: SiteId
    subject: Subject
    conditions: Conditions
    comment: str
    operator: str
    key: bytes
    time: str
    signature: bytes = b""

    def __post_init__(self) -> None:
        moment(self.time)
        if any(not isinstance(text, str) for text in (self.comment, self.operator)):
            raise ValueError("comment and operator are text")
        if len(self.comment) > MOST_TEXT or not self.operator or len(self.operator) > MOST_TEXT:
            raise ValueError(
                f"a comment has at most {MOST_TEXT} characters, and an operator a name"
            )

    def sign(self, operator_seed: bytes) -> "Decision":
        """Put the operator's key and signature on it."""
        keyed = replace(self, key=identity_public(operator_seed), signature=b"")
        return replace(keyed, signature=sign(operator_seed, "decision", keyed._unsigned))

    def verify(self) -> None:
        """Raise SignatureError unless the holder of `key` signed it; whose key it is, is asked."""
        require_signed(self.operator, self.key, self.signature, "decision", self._unsigned)

    def to_bytes(self) -> bytes:
        """Write it: canonical JSON, digests, key and signature in hex."""
        return canonical_json({**self._parts, "signature": self.signature.hex()})

    @classmethod
    def from_bytes(cls, raw: bytes) -> "Decision":
        """Read the bytes of `to_bytes`, and nothing but them. The signature is not checked yet.

        Raises
        ------
        DecisionError
            If they are no decision, or not in the one encoding that it has.
        """
        try:
            made = _parsed(json.loads(raw))
            same = made.to_bytes() == raw
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
            raise DecisionError("the bytes are no decision (SPEC 4.8)") from None
        if not same:
            raise DecisionError("the decision is not in its one encoding (SPEC 4.8)")
        return made

    @property
    def _unsigned(self) -> bytes:
        return canonical_json(self._parts)

    @property
    def _parts(self) -> dict[str, Json]:
        conditions, subject = self.conditions, self.subject
        return {
            "verdict": self.verdict,
            "site": self.site,
            "federation": subject.federation.hex(),
            "plan": subject.plan.hex(),
            "roster": subject.roster.hex(),
            "software": subject.software.hex(),
            "conditions": {**vars_of(conditions), "dropped": list(conditions.dropped)},
            "comment": self.comment,
            "operator": self.operator,
            "key": self.key.hex(),
            "time": self.time,
        }


@dataclass(frozen=True)
class Standing:
    """How a plan stands: under which conditions, and by whose words since the last end of it.

    `outdated` says that it was approved for another version of the software.
    """

    state: State
    conditions: Conditions = NO_CONDITIONS
    words: tuple[Decision, ...] = ()
    needed: int = 1
    outdated: bool = False

    def require(self) -> Conditions:
        """Give the conditions of what is approved.

        Raises
        ------
        NotApprovedError
            If it is not.
        """
        match self.state:
            case State.APPROVED:
                return self.conditions
            case State.PENDING if self.words:
                given = f"{len(self.words)} of {self.needed} operators"
                raise NotApprovedError(f"the plan is approved by {given}")
            case State.PENDING if self.outdated:
                raise NotApprovedError("the plan was approved for another version of the software")
            case State.PENDING:
                raise NotApprovedError("the plan is none that this hospital approved")
            case ended:
                raise NotApprovedError(f"the plan is {ended} at this hospital")


def standing(
    decisions: Iterable[Decision], subject: Subject, operators: Mapping[bytes, str], needed: int
) -> Standing:
    """Say how a plan stands after decisions, in the order in which they were taken.

    `operators` names the keys (32 bytes) that count now. Whatever is no approval ends all that was
    approved before it; an operator counts once. An approval of other software counts nothing; a
    refusal, return or withdrawal holds whatever the software. Signatures were verified.
    """
    ended, given = State.PENDING, dict[bytes, Decision]()
    last, outdated = tuple[Decision, ...](), False
    for one in decisions:
        here = one.subject
        about = (here.federation, here.plan, here.roster)
        if one.key not in operators or about != (subject.federation, subject.plan, subject.roster):
            continue
        if one.verdict is not Verdict.APPROVE:
            ended, last = _ENDED[one.verdict], (one,)
            given.clear()
            outdated = False
        elif here.software == subject.software:
            given[one.key] = one
        else:
            outdated = True
    if not given and not outdated:
        return Standing(ended, words=last, needed=needed)
    if not given:
        return Standing(State.PENDING, needed=needed, outdated=True)
    words = tuple(given.values())
    if len(words) < needed:
        return Standing(State.PENDING, words=words, needed=needed)
    whole = reduce(Conditions.and_also, (one.conditions for one in words))
    return Standing(State.APPROVED, whole, words, needed)


def vars_of(conditions: Conditions) -> dict[str, Any]:
    """List conditions by name."""
    return {name: getattr(conditions, name) for name in Conditions.__dataclass_fields__}


def _parsed(value: Mapping[str, Any]) -> Decision:
    said = value["conditions"]
    names = ("federation", "plan", "roster", "software")
    return Decision(
        verdict=Verdict(value["verdict"]),
        site=site_id(value["site"]),
        subject=Subject(*(bytes.fromhex(value[name]) for name in names)),
        conditions=Conditions(**{**said, "dropped": tuple(said["dropped"])}),
        comment=value["comment"],
        operator=value["operator"],
        key=bytes.fromhex(value["key"]),
        time=value["time"],
        signature=bytes.fromhex(value["signature"]),
    )


def _counted(runs: int) -> str:
    return "1 run" if runs == 1 else f"{runs} runs"
