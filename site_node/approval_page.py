"""The approval page: what an operator reads before deciding, as text and for scripts.

What the plan says and what will leave stands in the words that everybody reads (`protocol.leaves`);
what is of this hospital alone stands below: its rows, what it decided, and how it decides.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from protocol.governance.approval import NO_CONDITIONS, Decision, State
from protocol.governance.federation import party_words
from protocol.governance.roster import Roster
from protocol.leaves import told
from protocol.plan.explain import Section, Table
from site_node.approvals import House
from site_node.deciding import Waiting
from site_node.plan_changes import changes

NO_REVIEW = "Nothing."


@dataclass(frozen=True)
class ApprovalPage:
    """A proposed plan as whoever decides sees it.

    `review` names what needs a look, and `edited` what changed since the last plan of the study
    that somebody decided on.
    """

    about: Waiting
    house: House
    review: tuple[str, ...]
    edited: tuple[str, ...]

    def sections(self) -> tuple[Section, ...]:
        """Say the plan first, then what is of this hospital and of now."""
        edited = (Section("Changed since the plan that was decided on before", self.edited),)
        return (
            Section("Who asks, and who takes part", tuple(self._parties())),
            *told(self.about.plan),
            Section("Review", self.review or (NO_REVIEW,)),
            *(edited if self.edited else ()),
            Section("Decided at this hospital", tuple(self._decided())),
        )

    def as_text(self) -> str:
        """Write the page for people."""
        lines = [f"{self.about.words}: {state_of(self.about)}", *self._digests()]
        for section in self.sections():
            lines += ["", section.title, *(f"  {sentence}" for sentence in section.sentences)]
            lines += _rows(section.table)
        return "\n".join([*lines, "", *self._how()])

    def as_json(self) -> dict[str, Any]:
        """Give the page to scripts."""
        return {
            **as_json(self.about),
            "software": self.house.software.hex(),
            "sections": [asdict(section) for section in self.sections()],
            "changes": list(self.edited),
            "review": list(self.review),
        }

    def _digests(self) -> Iterator[str]:
        proposal = self.about.proposal
        yield f"plan      {proposal.plan_digest.hex()}"
        yield f"roster    {proposal.roster_digest.hex()}"
        yield f"software  {self.house.software.hex()}"

    def _parties(self) -> Iterator[str]:
        proposal, house = self.about.proposal, self.house
        roster = _roster(self.about)
        yield (
            f"Proposed in the federation '{house.federation.name}', under the plan signer's key "
            f"{party_words(proposal.signer)}."
        )
        hospitals = ", ".join(f"{member.name} ({member.id})" for member in roster.members)
        yield (
            f"Version {roster.version} of the study's roster, until {roster.expires}: {hospitals}."
        )
        names = ", ".join(house.operators.values()) or "nobody yet: riskset-site operator"
        several = f"; {house.needed} of them have to approve" if house.needed > 1 else ""
        yield f"Who decides here: {names}{several}."

    def _decided(self) -> Iterator[str]:
        yield f"The plan is {state_of(self.about)}."
        yield from map(word, self.about.standing.words)

    def _how(self) -> Iterator[str]:
        yield f"On own rows: riskset-site preview {self.about.words} [ITEM --numbers | --bytes]"
        if self.about.standing.state is State.PENDING:
            yield (
                f"Decide:      riskset-site approve | refuse | return {self.about.words} "
                "--operator NAME --comment TEXT"
            )
        elif self.about.standing.state is State.APPROVED:
            yield f"Take back:   riskset-site withdraw {self.about.words} --operator NAME"


def state_of(about: Waiting) -> str:
    """Say how a plan stands; of several persons, how many have approved it."""
    stands = about.standing
    if stands.state is not State.PENDING:
        return str(stands.state)
    if stands.words:
        return f"pending, approved by {len(stands.words)} of {stands.needed} operators"
    return "pending, approved for other software" if stands.outdated else "pending"


def is_superseded(about: Waiting, listed: Sequence[Waiting]) -> bool:
    """Tell whether a plan of the study was proposed under a newer roster: no run begins under this.

    Hospitals take no roster that is older than what they have seen (SPEC 2.8).
    """
    own = _roster(about)
    return any(
        _roster(one).version > own.version for one in listed if _roster(one).study == own.study
    )


def word(one: Decision) -> str:
    """Say one decision: when, who, what, under which conditions, and why."""
    terms = "" if one.conditions == NO_CONDITIONS else f" ({one.conditions.in_words()})"
    comment = f": {one.comment}" if one.comment else ""
    return f"{one.time} {one.operator}: {one.verdict}{terms}{comment}"


def edits(about: Waiting, listed: Sequence[Waiting]) -> tuple[str, ...]:
    """Say what changed since the last plan of this study that somebody decided on."""
    before = [
        one
        for one in listed
        if one.standing.words
        and one.plan.study.id == about.plan.study.id
        and one.proposal.plan_digest != about.proposal.plan_digest
    ]
    return changes(before[-1].plan, about.plan) if before else ()


def _roster(about: Waiting) -> Roster:
    return Roster.from_bytes(about.proposal.rosters[-1].payload)


def as_json(about: Waiting) -> dict[str, Any]:
    """Give a proposal and how it stands to scripts."""
    stands = about.standing
    return {
        "words": about.words,
        "study": about.plan.study.id,
        "plan": about.proposal.plan_digest.hex(),
        "roster": about.proposal.roster_digest.hex(),
        "state": stands.state,
        "decisions": [one.to_bytes().decode() for one in stands.words],
        "needed": stands.needed,
    }


def _rows(table: Table | None) -> Iterator[str]:
    if table is not None:
        yield from (f"    {' | '.join(row)}" for row in (table.header, *table.rows))
