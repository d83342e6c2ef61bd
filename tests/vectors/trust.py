"""Cases of governance: federations, chains of rosters, joining, logins, rule L, run requests."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from protocol.canonical import canonical_json
from protocol.governance.chain import signed_roster
from protocol.governance.federation import Federation
from protocol.governance.heads import LedgerHead
from protocol.governance.identity import identity_public, sign
from protocol.governance.invitation import SECRET_SIZE, Invitation, new_invitation
from protocol.governance.joining import Handshake
from protocol.governance.login import Login
from protocol.governance.roster import Member, Roster
from protocol.governance.signed import SignedRoster, make_consent
from protocol.ids import SiteId
from tests.vectors.build import ABC, Case, bent, case, roster_of, seed

AUTHORITY = Path(__file__).with_name("authority.pem").read_bytes()
SEEDS = {name: seed(name) for name in ("ra|1", "ra|2", "ra|3")}
FEDERATION = Federation(
    "Leberzentren",
    identity_public(seed("ck")),
    tuple(map(identity_public, SEEDS.values())),
    2,
    AUTHORITY,
    (identity_public(seed("plan", "1")), identity_public(seed("plan", "2"))),
)
TEXT = FEDERATION.to_bytes().decode()
NOW = "2030-06-01T12:00:00Z"


# --- what is trusted ------------------------------------------------------------------------------


def federations() -> list[Case]:
    first, *others = (key.hex() for key in FEDERATION.authorities)

    signers = [key.hex() for key in FEDERATION.plan_signers]

    def changed(name: str, /, **parts: Any) -> Case:
        value = {**json.loads(TEXT), **parts}
        return case(name, "2.9", "federation", federation=canonical_json(value).decode())

    return [
        changed("two of three authorities"),
        changed("one authority", authorities=[first], threshold=1),
        changed("a threshold of none", threshold=0),
        changed("a threshold beyond the authorities", threshold=4),
        changed("a truth value for a number", threshold=True),
        changed("no authority", authorities=[], threshold=1),
        changed("one authority twice", authorities=[first, first]),
        changed("authorities out of order", authorities=[*others, first]),
        changed("the coordinator is an authority", ck=first),
        changed("no plan signer", plan_signers=[]),
        changed("a plan signer is an authority", plan_signers=[first]),
        changed("plan signers out of order", plan_signers=signers[::-1]),
        changed("a key of order 1", ck="01" + "00" * 31),
        changed("a short key", ck="00" * 31),
        changed("no name", name=""),
        changed("a name with a line end", name="Leber\nzentren"),
        changed("a field too many", note="hello"),
        changed("no certificate", ca="3000"),
        case("a space in the bytes", "1.3", "federation", federation=TEXT.replace(":", ": ", 1)),
    ]


# --- chains of rosters ----------------------------------------------------------------------------

FOUR = (*ABC, "site-d")


def _after(before: Roster, **changed: Any) -> Roster:
    parts = {"prev_digest": before.digest, **changed}
    return replace(before, version=before.version + 1, **parts)


ONE = roster_of(ABC)
TWO = _after(ONE, members=roster_of(FOUR).members)
THREE = _after(TWO, members=roster_of(FOUR[1:]).members)


def _signed(roster: Roster, *names: str) -> SignedRoster:
    return signed_roster(roster, *(SEEDS[name] for name in names or ("ra|1", "ra|2")))


def _listed(signed: SignedRoster) -> Case:
    pairs = [{"key": k.hex(), "signature": s.hex()} for k, s in signed.signatures]
    return {"payload": signed.payload.decode(), "signatures": pairs}


def _chain(
    name: str, rosters: Sequence[SignedRoster | Roster], known: Roster | None = None, now: str = NOW
) -> Case:
    listed = [_listed(_signed(r) if isinstance(r, Roster) else r) for r in rosters]
    seen = None if known is None else known.to_bytes().decode()
    return case(name, "2.8", "chain", federation=TEXT, rosters=listed, now=now, known=seen)


def chains() -> list[Case]:
    whole = _signed(ONE)
    strange = Member(SiteId("site-d"), "D", FEDERATION.authorities[0])
    office = identity_public(seed("ck", "renewed"))
    other = signed_roster(ONE, SEEDS["ra|1"], seed("ck"))
    return [
        *(_chain(f"versions up to {k}", (ONE, TWO, THREE)[:k]) for k in (1, 2, 3)),
        _chain("all three of the authority", [_signed(ONE, *SEEDS)]),
        _chain("seen up to version 2", [ONE, TWO, THREE], TWO),
        _chain("another coordinator in version 2", [ONE, _after(ONE, coordinator=office)]),
        _chain("the first moment", [ONE], now="2030-01-01T00:00:00Z"),
        _chain("the moment before", [ONE], now="2029-12-31T23:59:59Z"),
        _chain("the last moment", [ONE], now="2030-12-31T23:59:59Z"),
        _chain("the moment after", [ONE], now="2031-01-01T00:00:00Z"),
        _chain("no version", []),
        _chain("one signature short", [ONE, _signed(TWO, "ra|3")]),
        _chain("one authority twice", [SignedRoster(whole.payload, whole.signatures[:1] * 2)]),
        _chain("signatures out of order", [SignedRoster(whole.payload, whole.signatures[::-1])]),
        _chain("signed by the coordinator", [other]),
        _chain("a signature of another version", [SignedRoster(TWO.to_bytes(), whole.signatures)]),
        _chain("a gap", [ONE, THREE]),
        _chain("an end without its beginning", [TWO, THREE]),
        _chain("a version twice", [ONE, TWO, TWO]),
        _chain("another predecessor", [ONE, _after(roster_of((*ABC[:2], "site-x")))]),
        _chain("another study", [ONE, _after(ONE, study="other")]),
        _chain("another federation", [roster_of(federation="other")]),
        _chain("another coordinator in version 1", [roster_of(coordinator=office)]),
        _chain("an authority as hospital", [ONE, _after(ONE, members=(*ONE.members, strange))]),
        _chain("a simulation", [roster_of(simulated=True)]),
        _chain("older than seen", [ONE, TWO], THREE),
        _chain("a fork", [ONE, TWO], roster_of((*ABC, "site-x"))),
    ]


# --- joining and logins ---------------------------------------------------------------------------

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


# --- rule L ---------------------------------------------------------------------------------------


def _atoms(name: str, rosters: Sequence[str], least: int = 3) -> Case:
    return case(name, "7.4", "atoms", rosters=[list(members) for members in rosters], least=least)


def atoms() -> list[Case]:
    seven = roster_of(tuple("abcdefg"))
    six = _after(seven, members=roster_of(tuple("abcdef")).members)
    four = _after(seven, members=roster_of(tuple("abcd")).members)
    back = _after(six, members=seven.members)
    other = roster_of(tuple("abcdef"), study="other")
    agreed = make_consent(seed("ik", "g"), "Leberzentren", "crlm-ablation", SiteId("g"))
    said = {"site": "g", "signature": agreed.signature.hex()}
    forged = make_consent(seed("ik", "f"), "Leberzentren", "crlm-ablation", SiteId("g"))
    moved = make_consent(seed("ik", "g"), "Leberzentren", "other", SiteId("g"))

    def rule(
        name: str, chain: Sequence[Roster], released: Sequence[Roster], *consents: Case, own: str
    ) -> Case:
        listed = {
            "chain": [roster.to_bytes().decode() for roster in chain],
            "released": [roster.to_bytes().decode() for roster in released],
        }
        return case(name, "7.4", "rule-l", own=own, **listed, consents=list(consents))

    return [
        _atoms("differences of at least 4 that isolate j", ["abcdefghij", "abcdef", "ghi"]),
        _atoms("pairs", ["abcdef", "abcd", "cdef"]),
        _atoms("pairs are enough", ["abcdef", "abcd", "cdef"], 2),
        _atoms("one roster", ["abc"]),
        _atoms("one roster twice", ["abc", "cba"], 4),
        rule("a first roster", [seven], [], own="a"),
        rule("one leaves before a release", [seven, six], [], own="a"),
        rule("one leaves after a release", [seven, six], [seven], own="a"),
        rule("one leaves and consents", [seven, six], [seven], said, own="a"),
        rule("three leave together", [seven, four], [seven], own="a"),
        rule("one was away, by its own count", [seven, six, back], [], own="g"),
        rule("one was away and consents", [seven, six, back], [], said, own="g"),
        rule("a roster of another study", [seven], [other], own="a"),
        rule(
            "another's signature",
            [seven, six],
            [seven],
            {**said, "signature": forged.signature.hex()},
            own="a",
        ),
        rule(
            "a consent for another study",
            [seven, six],
            [seven],
            {**said, "signature": moved.signature.hex()},
            own="a",
        ),
        rule("a consent of nobody", [seven], [], {**said, "site": "x"}, own="a"),
    ]


# --- run requests ---------------------------------------------------------------------------------


def requests() -> list[Case]:
    agreed = make_consent(seed("ik", "site-a"), "Leberzentren", "crlm-ablation", SiteId("site-a"))
    given = {
        "run_id": seed("run")[:16].hex(),
        "plan": '{"a":1}',
        "rosters": [roster.to_bytes().decode() for roster in (ONE, TWO)],
        "epoch": 1,
        "scheme": "A",
        "suite": 1,
        "program": "riskset/1",
        "consents": [{"site": "site-a", "signature": agreed.signature.hex()}],
        "coordinator_seed": seed("ck").hex(),
    }
    signature = sign(seed("ck"), "abort", seed("ctx")).hex()
    ctx, site = seed("ctx").hex(), {"site": "site-a", "identity_seed": seed("ik", "site-a").hex()}
    abort = {"ctx": ctx, "coordinator": FEDERATION.coordinator.hex(), "signature": signature}
    return [
        case("a run with a consent", "4.6", "open-run", **given),
        case("a run without", "4.6", "open-run", **{**given, "consents": [], "epoch": 0}),
        case("an epoch beyond u32", "4.6", "open-run", **{**given, "epoch": 2**32}),
        case("an abort", "6.6", "abort", **abort),
        case("an abort of another run", "6.6", "abort", **{**abort, "ctx": seed("x").hex()}),
        case("done", "6.6", "done", **site, ctx=ctx, state="finished", chain=seed("chain").hex()),
        case(
            "done, after another run of the plan",
            "6.6",
            "done",
            **site,
            ctx=ctx,
            state="finished",
            chain=seed("chain").hex(),
            runs=[seed("earlier")[:16].hex(), seed("run")[:16].hex()],
        ),
        case("refused", "10.4", "refusal", **site, ctx=ctx, request=seed("r").hex(), code="roster"),
    ]
