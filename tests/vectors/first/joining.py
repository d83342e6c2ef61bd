"""Cases of invitations, joining and logins."""

from typing import Any

from protocol.governance import identity
from protocol.governance.heads import LedgerHead
from protocol.governance.invitation import new_invitation, parse_invitation
from protocol.governance.joining import Handshake
from protocol.governance.login import Login
from protocol.ids import SiteId
from tests.vectors.first.given import Given, raw


def case_new_invitation(given: Given) -> Any:
    return new_invitation(given["name"], raw(given["secret"]))


def case_invitation(given: Given) -> Any:
    read = parse_invitation(given["code"])
    return {"id": read.id, "secret": read.secret.hex()}


def case_join(given: Given) -> Any:
    seen, secret = _handshake(given["seen"]), raw(given["secret"])
    return {
        "digest": seen.digest.hex(),
        "centre": seen.centre_code(secret).hex(),
        "site": seen.site_code(secret).hex(),
        "signature": seen.prove(raw(given["identity_seed"])).hex(),
        "receipt": seen.receipt(raw(given["coordinator_seed"])).hex(),
    }


def case_joined(given: Given) -> Any:
    seen, secret = _handshake(given["seen"]), raw(given["secret"])
    seen.require_centre(secret, raw(given["centre"]))
    seen.require_site(secret, raw(given["site"]), raw(given["signature"]))
    return True


def case_login(given: Given) -> Any:
    login, office = _login(given), raw(given["coordinator_seed"])
    proof = login.prove(raw(given["identity_seed"]), identity.identity_public(office))
    return {"challenge": login.challenge(office).hex(), "proof": proof.hex()}


def case_logged_in(given: Given) -> Any:
    login, office = _login(given), raw(given["coordinator"])
    login.require_office(office, raw(given["challenge"]))
    login.require_site(raw(given["identity"]), office, raw(given["proof"]))
    return True


def case_ledger_head(given: Given) -> Any:
    line, signature = raw(given["digest"]), raw(given["signature"])
    head = LedgerHead(SiteId(given["site"]), given["lines"], line, signature)
    identity.require_signed(head.site, raw(given["identity"]), head.signature, *head.signed)
    return True


def _handshake(seen: Given) -> Handshake:
    return Handshake(
        seen["invitation"],
        raw(seen["site_nonce"]),
        raw(seen["centre_nonce"]),
        SiteId(seen["site"]),
        seen["name"],
        raw(seen["identity"]),
        seen["federation"].encode(),
        raw(seen["certificate"]),
    )


def _login(given: Given) -> Login:
    return Login(SiteId(given["site"]), raw(given["site_nonce"]), raw(given["office_nonce"]))
