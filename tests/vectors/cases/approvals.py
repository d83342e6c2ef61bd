"""Cases of approval: proposed plans, operators' decisions, and what they come to."""

import json
from dataclasses import replace
from typing import Any

from protocol.canonical import canonical_json
from protocol.governance.approval import Conditions, Decision, Subject, Verdict
from protocol.governance.identity import identity_public
from protocol.governance.proposal import propose
from protocol.ids import SiteId
from tests.vectors.build import Case, case, seed
from tests.vectors.cases.trust import FEDERATION, TEXT

PLAN = '{"plan":{},"program":"1"}'
OPERATORS = (seed("operator", "1"), seed("operator", "2"))
SUBJECT = Subject(FEDERATION.digest, *(seed(name) for name in ("plan", "roster", "software")))


def word(who: int, verdict: str = "approve", /, **terms: Any) -> Decision:
    return Decision(
        verdict=Verdict(verdict),
        site=SiteId("basel"),
        subject=SUBJECT,
        conditions=Conditions(**terms),
        comment="",
        operator=f"Dr {who + 1}",
        key=b"",
        time=f"2030-06-01T12:00:0{who}Z",
    ).sign(OPERATORS[who])


def _about(one: Decision, who: int, **changed: bytes) -> Decision:
    return replace(one, subject=replace(one.subject, **changed)).sign(OPERATORS[who])


def _edited(one: Decision, **changed: Any) -> str:
    return canonical_json({**json.loads(one.to_bytes()), **changed}).decode()


def _standing(name: str, *said: Decision | str, needed: int = 1, operators: int = 2) -> Case:
    names = ("federation", "plan", "roster", "software")
    subject = {part: getattr(SUBJECT, part).hex() for part in names}
    texts = [one if isinstance(one, str) else one.to_bytes().decode() for one in said]
    keys = [identity_public(one).hex() for one in OPERATORS[:operators]]
    terms = {"decisions": texts, "operators": keys, "needed": needed}
    return case(name, "4.8", "standing", **subject, **terms)


def _proposals() -> list[Case]:
    signer, other = seed("plan", "1"), seed("plan", "3")
    made = propose(PLAN.encode(), (), FEDERATION, signer)
    whole = {"federation": TEXT, "plan": PLAN, "signer": made.signer.hex()}
    whole |= {"signature": made.signature.hex()}
    strange = propose(PLAN.encode(), (), FEDERATION, other)
    given = {"federation": TEXT, "plan": PLAN, "signer_seed": signer.hex()}

    def shown(name: str, /, **changed: Any) -> Case:
        return case(name, "4.7", "proposed", **{**whole, **changed})

    strangers = {"signer": strange.signer.hex(), "signature": strange.signature.hex()}
    return [
        case("a plan is signed", "4.7", "propose", **given),
        shown("a signed plan"),
        shown("another plan", plan=PLAN.replace("1", "2")),
        shown("signed by a stranger", **strangers),
        shown("under another signer's key", signer=FEDERATION.plan_signers[0].hex())
        if made.signer != FEDERATION.plan_signers[0]
        else shown("under another signer's key", signer=FEDERATION.plan_signers[1].hex()),
    ]


def _one() -> list[Case]:
    whole = word(0)
    return [
        _standing("nobody said anything"),
        _standing("approved", whole),
        _standing(
            "with every condition",
            word(
                0,
                expires="2030-12-31",
                runs=3,
                min_sites=4,
                site_patients=50,
                dropped=("b/1", "a/1"),
            ),
        ),
        *(
            _standing(f"to {verdict}", whole, word(1, verdict))
            for verdict in ("refuse", "return", "withdraw")
        ),
        _standing("approved again", word(1, "withdraw"), whole),
        _standing("by nobody's key", word(1), operators=1),
        _standing("of another roster", _about(whole, 0, roster=seed("other"))),
        _standing("of another plan", _about(whole, 0, plan=seed("other"))),
        _standing("of another federation", _about(whole, 0, federation=seed("other"))),
        _standing("of other software", _about(whole, 0, software=seed("other"))),
        _standing(
            "refused on other software", whole, _about(word(1, "refuse"), 1, software=seed("other"))
        ),
        _standing("a changed comment", _edited(whole, comment="welcome")),
        _standing("another verdict under it", _edited(word(0, "refuse"), verdict="approve")),
        _standing("no such verdict", _edited(whole, verdict="maybe")),
        _standing(
            "a truth value for a number",
            _edited(whole, conditions={**json.loads(whole.to_bytes())["conditions"], "runs": True}),
        ),
        _standing("half a digest", _edited(whole, plan="11" * 16)),
        _standing("a field too many", _edited(whole, note="hello")),
        _standing("a space in the bytes", whole.to_bytes().decode().replace(":", ": ", 1)),
    ]


def _two() -> list[Case]:
    return [
        _standing("one of two", word(0), needed=2),
        _standing("one of two, twice", word(0), word(0, runs=5), needed=2),
        _standing("two of two", word(0), word(1), needed=2),
        _standing(
            "both conditions bind",
            word(0, expires="2030-12-31", runs=5, dropped=("a/1",)),
            word(1, expires="2030-12-30T12:00:00Z", min_sites=5, dropped=("b/1",)),
            needed=2,
        ),
        _standing("ended between the two", word(0), word(1, "return"), word(1), needed=2),
    ]


def _software() -> list[Case]:
    files = {"b/x.py": b"1".hex(), "a.py": "", "b.py": b"2".hex()}
    return [
        case("three files", "4.8", "software", files=files),
        case("no file", "4.8", "software", files={}),
        case("another byte", "4.8", "software", files={**files, "a.py": "00"}),
    ]


def _decided() -> list[Case]:
    digests = {part: getattr(SUBJECT, part).hex() for part in ("plan", "roster", "software")}
    whole = {"site": "basel", **digests, "identity_seed": seed("ik", "basel").hex()}
    words = [word(0).to_bytes().decode(), word(1).to_bytes().decode()]
    return [
        case("nothing decided", "4.7", "decided", **whole, state="pending", decisions=[]),
        case("two approved", "4.7", "decided", **whole, state="approved", decisions=words),
    ]


def approvals() -> list[Case]:
    return [*_proposals(), *_one(), *_two(), *_software(), *_decided()]
