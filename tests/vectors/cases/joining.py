"""Invitations, what is shown under them, logins, and heads of ledgers."""

from typing import Any

from protocol.governance.heads import LedgerHead
from protocol.governance.identity import identity_public
from protocol.governance.invitation import SECRET_SIZE, Invitation, new_invitation
from protocol.governance.joining import Handshake
from protocol.governance.login import Login
from protocol.ids import SiteId
from tests.vectors.build import Case, bent, case, seed
from tests.vectors.cases.trust import FEDERATION, TEXT

INVITATION = Invitation("BASEL", seed("invitation")[:SECRET_SIZE])

SEEN = Handshake(
    INVITATION.id,
    seed("nonce", "site"),
    seed("nonce", "centre"),
    SiteId("basel"),
    "Universitätsspital Basel",
    identity_public(seed("ik", "basel")),
    FEDERATION.to_bytes(),
    seed("certificate"),
)


def _seen(**changed: Any) -> Case:
    shown = {name: getattr(SEEN, name) for name in SEEN.__dataclass_fields__}
    shown |= {"federation": TEXT, **changed}
    return {k: v.hex() if isinstance(v, bytes) else v for k, v in shown.items()}


def _code(name: str, code: str) -> Case:
    return case(name, "2.9", "invitation", code=code)


def joining() -> list[Case]:
    code, secret = INVITATION.code, INVITATION.secret

    def made(name: str, /, **changed: Any) -> Case:
        seeds = {"identity_seed": seed("ik", "basel").hex(), "coordinator_seed": seed("ck").hex()}
        return case(name, "2.9", "join", seen=_seen(**changed), secret=secret.hex(), **seeds)

    good = {
        "seen": _seen(),
        "secret": secret.hex(),
        "centre": SEEN.centre_code(secret).hex(),
        "site": SEEN.site_code(secret).hex(),
        "signature": SEEN.prove(seed("ik", "basel")).hex(),
    }

    def shown(name: str, /, **changed: Any) -> Case:
        return case(name, "2.9", "joined", **{**good, **changed})

    return [
        case("a code", "2.9", "new-invitation", name="Basel", secret=secret.hex()),
        case("a label of signs", "2.9", "new-invitation", name="spital.1 _b", secret="00" * 15),
        case("a label of nothing", "2.9", "new-invitation", name="ä", secret="00" * 15),
        case("a short secret", "2.9", "new-invitation", name="Basel", secret="00" * 14),
        _code("as given", code),
        _code("small letters and spaces", code.lower().replace("-", " ")),
        _code("letters that look alike", new_invitation("lio", bytes(15)).replace("0", "o")),
        _code("a wrong letter", code.replace("X", "Y")),
        _code("a wrong name", code.replace("BASEL", "BERN")),
        _code("two letters swapped", code[:6] + code[7] + code[6] + code[8:]),
        _code("a letter that codes do not use", code[:-1] + "U"),
        _code("a letter short", code[:-1]),
        _code("a group short", code[:-5]),
        _code("no name", code[6:]),
        made("two ends that saw the same"),
        made("a short nonce", site_nonce=bytes(31)),
        made("no nonce", centre_nonce=b""),
        made("a certificate's digest that is none", certificate=b""),
        made("a key of order 4", identity=bytes(32)),
        made("a name that does not print", name="a\x1b[2J"),
        made("an id with a space", site="ba sel"),
        shown("each knows the other"),
        shown("another certificate", seen=_seen(certificate=seed("another"))),
        shown("another key", seen=_seen(identity=identity_public(seed("ik", "mitm")))),
        shown("another name", seen=_seen(name="Inselspital")),
        shown("another nonce", seen=_seen(site_nonce=seed("another"))),
        shown("another federation", seen=_seen(federation=TEXT.replace("Leber", "Nieren"))),
        shown("another secret", secret="00" * 15),
        shown("the hospital's own code back", centre=good["site"]),
        shown("the centre's own code back", site=good["centre"]),
        shown("no code", centre=""),
        shown("another key's signature", signature=SEEN.prove(seed("ik", "mitm")).hex()),
    ]


def logins() -> list[Case]:
    nonces = {"site_nonce": seed("nonce", "site").hex(), "office_nonce": seed("nonce", "ck").hex()}
    given = {"site": "basel", **nonces}
    seeds = {"coordinator_seed": seed("ck").hex(), "identity_seed": seed("ik", "basel").hex()}
    login = Login(SiteId("basel"), *map(bytes.fromhex, nonces.values()))
    coordinator = FEDERATION.coordinator
    proofs = {
        "challenge": login.challenge(seed("ck")).hex(),
        "proof": login.prove(seed("ik", "basel"), coordinator).hex(),
    }
    publics = {"coordinator": coordinator.hex(), "identity": SEEN.identity.hex()}
    whole = {**given, **publics, **proofs}
    elsewhere = login.prove(seed("ik", "basel"), identity_public(seed("ck", "other"))).hex()

    def made(name: str, /, **changed: str) -> Case:
        return case(name, "2.10", "login", **{**given, **seeds, **changed})

    def shown(name: str, /, **changed: str) -> Case:
        return case(name, "2.10", "logged-in", **{**whole, **changed})

    swapped = {"site_nonce": nonces["office_nonce"], "office_nonce": nonces["site_nonce"]}
    return [
        made("a login"),
        made("an empty nonce", site_nonce=""),
        made("an empty nonce of the office", office_nonce=""),
        made("a nonce of 31 bytes", office_nonce="11" * 31),
        made("a nonce of 33 bytes", site_nonce="11" * 33),
        made("an echoed nonce", office_nonce=nonces["site_nonce"]),
        shown("both know each other"),
        shown("a recorded challenge", site_nonce=seed("another").hex()),
        shown("a recorded proof", office_nonce=seed("another").hex()),
        shown("nonces swapped", **swapped),
        shown("another hospital's", site="bern"),
        shown("signed to another coordinator", proof=elsewhere),
        shown("the challenge sent back", proof=proofs["challenge"]),
        shown("a bit of the challenge", **bent({"challenge": proofs["challenge"]}, "challenge", 0)),
        *_heads(),
    ]


def _heads() -> list[Case]:
    line, key = seed("line"), seed("ik", "basel")
    told = LedgerHead(SiteId("basel"), 258, line).sign(key)
    whole: Case = {"site": "basel", "lines": 258, "digest": line.hex()}
    whole |= {"identity": SEEN.identity.hex(), "signature": told.signature.hex()}

    def shown(name: str, /, **changed: Any) -> Case:
        return case(name, "2.11", "ledger-head", **{**whole, **changed})

    return [
        shown("a head"),
        shown("of another line", lines=257),
        shown("of line 0", lines=0),
        shown("beyond all lines", lines=2**63),
        shown("with another digest", digest=seed("another line").hex()),
        shown("with half a digest", digest="11" * 16),
        shown("of another hospital", site="bern"),
        shown("under another key", identity=identity_public(seed("ik", "bern")).hex()),
    ]
