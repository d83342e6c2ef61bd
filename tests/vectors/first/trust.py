"""Cases of rosters, federations, chains and rule L."""

from datetime import datetime
from typing import Any

from protocol.governance.atoms import require_rule_l, small_atoms
from protocol.governance.chain import verify_chain
from protocol.governance.federation import Federation
from protocol.governance.roster import Roster
from protocol.governance.signed import SignedRoster
from protocol.ids import SiteId
from protocol.words import ENGLISH
from tests.vectors.first.given import Given, consents_of, raw


def case_roster(given: Given) -> Any:
    return Roster.from_bytes(given["roster"].encode()).digest.hex()


def case_federation(given: Given) -> Any:
    federation = Federation.from_bytes(given["federation"].encode())
    places = [ENGLISH.index(word) for word in federation.words.split("-")]
    return {"digest": federation.digest.hex(), "words": places}


def case_chain(given: Given) -> Any:
    rosters = [
        SignedRoster(
            entry["payload"].encode(),
            tuple((raw(pair["key"]), raw(pair["signature"])) for pair in entry["signatures"]),
        )
        for entry in given["rosters"]
    ]
    federation = Federation.from_bytes(given["federation"].encode())
    known = None if given["known"] is None else Roster.from_bytes(given["known"].encode())
    now = datetime.fromisoformat(given["now"])
    return [r.digest.hex() for r in verify_chain(rosters, federation, now=now, known=known)]


def case_atoms(given: Given) -> Any:
    rosters = [frozenset(map(SiteId, members)) for members in given["rosters"]]
    return [sorted(atom) for atom in small_atoms(rosters, given["least"])]


def case_rule_l(given: Given) -> Any:
    chain, released = (
        [Roster.from_bytes(text.encode()) for text in given[part]] for part in ("chain", "released")
    )
    require_rule_l(SiteId(given["own"]), chain, released, consents_of(given))
    return True
