"""The order in which signed things become trusted: each rule stands on those before it."""

from dataclasses import replace
from typing import Any

import pytest

from protocol.errors import FederationError
from protocol.governance.approval import Conditions, Decision, Subject, Verdict
from protocol.governance.chain import signed_roster
from protocol.governance.identity import SignatureError, identity_public, sign
from protocol.governance.proposal import Proposal, ProposalError, propose
from protocol.governance.roster import Roster, RosterError
from protocol.governance.signed import SignedRoster
from protocol.governance.trusted import (
    ORDER,
    Claims,
    Ground,
    ProgramError,
    RefusedByRuleError,
    establish,
    in_words,
)
from protocol.ids import SiteId
from tests.protocol.governance.parties import FEDERATION, NOW, after, member, roster, seed

PLAN = b'{"plan":{},"program":"1"}'
REQUEST = ("run", b"16 bytes of a run")


def signed(one: Roster) -> SignedRoster:
    return signed_roster(one, seed("authority-0"), seed("authority-1"))


def proposal(plan: bytes = PLAN, by: str = "signer") -> Proposal:
    return propose(plan, (signed(roster()),), FEDERATION, seed(by))


def decision(site: str = "a", by: str = "Dr Martin", **changed: Any) -> Decision:
    digests = (FEDERATION.digest, proposal().plan_digest, roster().digest, seed("software"))
    return Decision(
        **{
            "verdict": Verdict.APPROVE,
            "site": SiteId(site),
            "subject": Subject(*digests),
            "conditions": Conditions(runs=3),
            "comment": "",
            "operator": by,
            "key": b"",
            "time": "2030-05-01T12:00:00Z",
            **changed,
        }
    ).sign(seed(by))


GROUND = Ground(
    federation=FEDERATION,
    site=SiteId("a"),
    identity=identity_public(seed("a")),
    program="1",
    software=seed("software"),
    operators={identity_public(seed("Dr Martin")): "Dr Martin"},
    needed=1,
    newest={},
    time=NOW,
)
CLAIMS = Claims(
    rosters=(signed(roster()),),
    request=REQUEST,
    signature=sign(seed("office"), *REQUEST),
    program="1",
    plan_digest=proposal().plan_digest,
    proposals=(proposal(),),
    decisions=(decision(),),
)


def test_what_is_well_signed_and_approved_is_trusted() -> None:
    found = establish(GROUND, CLAIMS)
    assert found.roster == roster()
    assert found.conditions == Conditions(runs=3)


FAULTS: list[tuple[dict[str, Any], type[FederationError], str]] = [
    ({"rosters": (SignedRoster(roster().to_bytes(), ()),)}, SignatureError, "of the 2 signatures"),
    ({"signature": sign(seed("a"), *REQUEST)}, SignatureError, "not signed by the coordinator"),
    ({"program": "2"}, ProgramError, "is of program 2, not 1"),
    ({"proposals": ()}, RefusedByRuleError, "not proposed.*SPEC 4.7"),
    ({"proposals": (proposal(by="office"),)}, RefusedByRuleError, "none of the federation's"),
    ({"proposals": (replace(proposal(), signature=bytes(64)),)}, RefusedByRuleError, "plan signer"),
    ({"plan_digest": seed("another")}, RefusedByRuleError, "not proposed"),
    ({"decisions": ()}, RefusedByRuleError, "none that this hospital approved.*SPEC 4.8"),
    ({"decisions": (decision(by="somebody"),)}, RefusedByRuleError, "none that this hospital"),
    ({"decisions": (decision(site="b"),)}, RefusedByRuleError, "none that this hospital"),
    (
        {"decisions": (replace(decision(), comment="forged"),)},
        RefusedByRuleError,
        "not signed by Dr Martin",
    ),
]


@pytest.mark.parametrize(("changed", "error", "why"), FAULTS)
def test_each_claim_has_to_hold(changed: Any, error: type[FederationError], why: str) -> None:
    with pytest.raises(error, match=why):
        establish(GROUND, replace(CLAIMS, **changed))


def test_the_first_fault_is_the_one_that_is_told() -> None:
    """A later rule never speaks before an earlier one: what it reads is not believed yet."""
    claims = CLAIMS
    one_of_each_rule = [FAULTS[number] for number in (7, 3, 2, 1, 0)]
    for changed, error, why in one_of_each_rule:
        claims = replace(claims, **changed)
        with pytest.raises(error, match=why):
            establish(GROUND, claims)


def test_the_hospital_itself_has_to_be_meant() -> None:
    with pytest.raises(RosterError, match="another identity key for a"):
        establish(replace(GROUND, identity=identity_public(seed("b"))), CLAIMS)
    with pytest.raises(FederationError):
        establish(replace(GROUND, site=SiteId("d")), CLAIMS)


def test_another_roster_needs_another_approval() -> None:
    two = after(roster(), "a", "b", "c", "d")
    claims = replace(CLAIMS, rosters=(signed(roster()), signed(two)))
    with pytest.raises(RefusedByRuleError, match="none that this hospital approved"):
        establish(GROUND, claims)
    newest = {(two.federation, two.study): two}
    with pytest.raises(RosterError, match="version 2 was seen before"):
        establish(replace(GROUND, newest=newest), CLAIMS)


def test_every_rule_cites_its_clause_and_every_gap_explains_itself() -> None:
    told = in_words()
    assert len(told) == len(ORDER)
    assert [line.startswith("not checked") for line in told] == [r.check is None for r in ORDER]
    assert all(rule.clause and rule.says.endswith(".") for rule in ORDER)
    assert all("Nothing" in r.says or "No time" in r.says for r in ORDER if r.check is None)


def test_a_proposals_bytes_are_one_way() -> None:
    made = proposal()
    assert Proposal.from_bytes(made.to_bytes()) == made
    assert made.roster_digest == roster().digest
    assert member("a") in roster().members
    for raw in (b"", b"{}", b"[1]", made.to_bytes() + b" ", made.to_bytes().replace(b"[", b"[1,")):
        with pytest.raises(ProposalError):
            Proposal.from_bytes(raw)
