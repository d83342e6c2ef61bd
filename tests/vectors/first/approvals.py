"""Cases of proposed plans, and of what operators decide about them."""

from typing import Any

from protocol.governance.approval import Decision, State, Subject, standing, vars_of
from protocol.governance.federation import Federation
from protocol.governance.proposal import Proposal, propose
from protocol.governance.software import software_digest
from protocol.ids import SiteId
from protocol.requests import Decided
from tests.vectors.first.given import Given, raw


def case_decided(given: Given) -> Any:
    plan, roster, software = (raw(given[part]) for part in ("plan", "roster", "software"))
    words = tuple(text.encode() for text in given["decisions"])
    said = Decided(SiteId(given["site"]), plan, roster, software, given["state"], words)
    return said.sign(raw(given["identity_seed"])).signature.hex()


def case_propose(given: Given) -> Any:
    federation = Federation.from_bytes(given["federation"].encode())
    seed = raw(given["signer_seed"])
    return propose(given["plan"].encode(), (), federation, seed).signature.hex()


def case_proposed(given: Given) -> Any:
    plan, signer, signature = given["plan"].encode(), raw(given["signer"]), raw(given["signature"])
    federation = Federation.from_bytes(given["federation"].encode())
    Proposal(plan, (), signer, signature).verify(federation)
    return True


def case_standing(given: Given) -> Any:
    decisions = [Decision.from_bytes(text.encode()) for text in given["decisions"]]
    for decision in decisions:
        decision.verify()
    names = ("federation", "plan", "roster", "software")
    subject = Subject(*(raw(given[name]) for name in names))
    operators = {raw(key): "somebody" for key in given["operators"]}
    found = standing(decisions, subject, operators, given["needed"])
    terms = {**vars_of(found.conditions), "dropped": list(found.conditions.dropped)}
    approved = found.state is State.APPROVED
    return {"state": str(found.state), "conditions": terms if approved else None}


def case_software(given: Given) -> Any:
    files = {path: raw(content) for path, content in given["files"].items()}
    return software_digest(files).hex()
