"""The vectors' cases answered by `protocol`: what a case expects, or the code of the refusal."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

import numpy as np
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from protocol.errors import FederationError
from protocol.governance import identity
from protocol.governance.approval import Decision, State, Subject, standing, vars_of
from protocol.governance.atoms import require_rule_l, small_atoms
from protocol.governance.chain import verify_chain
from protocol.governance.federation import Federation
from protocol.governance.heads import LedgerHead
from protocol.governance.invitation import new_invitation, parse_invitation
from protocol.governance.joining import Handshake
from protocol.governance.login import Login
from protocol.governance.proposal import Proposal, propose
from protocol.governance.roster import Roster
from protocol.governance.signed import Consent, SignedRoster
from protocol.governance.software import software_digest
from protocol.ids import SiteId
from protocol.layout import Field, Layout
from protocol.requests import Abort, Decided, Done, OpenRun, Refusal
from protocol.secagg import keys, masks, transcript
from protocol.secagg.block import Total, unpack
from protocol.secagg.encoding import Words, check_capacity, decode, encode
from protocol.secagg.messages import Block, Contribution, KeyShare, MaskedVector, Run, View
from protocol.secagg.office import by_step, close_trip, open_trip
from protocol.secagg.result import recompute
from protocol.secagg.run import Gathered, Question, Seeds, blocks_of, gather
from protocol.secagg.setup import agree
from protocol.secagg.site import accept
from protocol.secagg.site import answer as reply_to
from protocol.secagg.total import open_total
from protocol.secagg.transcript import next_chain
from protocol.words import ENGLISH
from tests.vectors import first_sealed

Given = Mapping[str, Any]


def answer(kind: str, given: Given) -> Any:
    """Give what a case expects: a value, or {"refused": code}."""
    try:
        return CASES[kind](given)
    except FederationError as refusal:
        return {"refused": refusal.code}
    except (ValueError, OverflowError):
        return {"refused": "value"}


def raw(text: str) -> bytes:
    return bytes.fromhex(text)


def number(value: Any) -> Any:
    return float.fromhex(value) if isinstance(value, str) else value


def field_of(given: Given) -> Field:
    kind: Literal["count", "real"] = given["kind"]
    cells = len(given["values"]) if "values" in given else given["cells"]
    return Field(given.get("name", "x"), (cells,), "", kind, number(given["bound"]))


def cells_of(kind: str, values: Sequence[Any]) -> Any:
    cells = [number(value) for value in values]
    if kind == "real":
        return np.array(cells, dtype=np.float64)
    if any(isinstance(cell, float) for cell in cells):
        return np.array(cells, dtype=np.float64)
    return np.array(cells, dtype=np.uint64 if any(c >= 2**63 for c in cells) else np.int64)


def block_of(given: Given) -> Block:
    layout = Layout(tuple(field_of(field) for field in given["fields"]))
    return Block(given["step"], given["kind"], layout, raw(given["params"]), given["lock"])


def run_of(given: Given) -> Run:
    roster = Roster.from_bytes(given["roster"].encode())
    run_id, plan_digest = raw(given["run_id"]), raw(given["plan_digest"])
    return Run(run_id, plan_digest, roster, given["epoch"], given["scheme"], given["suite"])


def shown(total: Total, block: Block) -> dict[str, Any]:
    """Write an opened total as the vectors do: counts as they are, reals in hexadecimal."""
    sums = {
        field.name: [
            cell if field.kind == "count" else cell.hex()
            for cell in total.sums[field.name].ravel().tolist()
        ]
        for field in block.layout.fields
    }
    return {"sums": sums, "patients": total.patients, "flags": total.flags}


def words_of(integers: Sequence[int], width: int) -> Words:
    data = b"".join((word % 2**width).to_bytes(width // 8, "little") for word in integers)
    return np.frombuffer(data, dtype=np.uint64)


def case_ctr(given: Given) -> Any:
    return masks.mask_words(raw(given["key"]), given["count"]).tobytes().hex()


def case_long(given: Given) -> Any:
    words = masks.mask_words(raw(given["key"]), given["first"] + given["count"])
    return words[given["first"] :].tobytes().hex()


def case_hkdf(given: Given) -> Any:
    salt, info = raw(given["salt"]), raw(given["info"])
    return HKDF(hashes.SHA256(), keys.KEY_SIZE, salt, info).derive(raw(given["ikm"])).hex()


def case_x25519(given: Given) -> Any:
    return keys.shared_secret(raw(given["scalar"]), raw(given["u"])).hex()


def case_sign(given: Given) -> Any:
    # The RFC's messages carry no tag, as all of ours do: the library is asked itself.
    secret = Ed25519PrivateKey.from_private_bytes(raw(given["seed"]))
    public = identity.identity_public(raw(given["seed"]))
    return {"public": public.hex(), "signature": secret.sign(raw(given["message"])).hex()}


def case_signature(given: Given) -> Any:
    parts = tuple(raw(part) for part in given["parts"])
    identity.require_signed("a site", raw(given["public"]), raw(given["signature"]), *parts)
    return True


def case_ephemeral(given: Given) -> Any:
    keys.check_ephemeral("site", raw(given["ek"]))
    return True


def case_roster(given: Given) -> Any:
    return Roster.from_bytes(given["roster"].encode()).digest.hex()


def case_step(given: Given) -> Any:
    sd = _sd(given)
    return {"sd": sd.hex(), "counter": transcript.counter(sd)}


def case_params(given: Given) -> Any:
    return transcript.parameters(raw(given["chain"]), given["key"]).hex()


def case_setup(given: Given) -> Any:
    run = given["run"]
    ctx = transcript.context(
        raw(run["run_id"]),
        raw(run["plan_digest"]),
        raw(run["roster_digest"]),
        epoch=run["epoch"],
        scheme=run["scheme"],
        suite=run["suite"],
    )
    eks = {SiteId(s): keys.ephemeral_public(raw(x)) for s, x in given["fresh_seeds"].items()}
    signatures = {
        site: identity.sign(raw(seed), "setup", ctx, site, eks[SiteId(site)]).hex()
        for site, seed in given["identity_seeds"].items()
    }
    return {
        "ctx": ctx.hex(),
        "ek": {site: ek.hex() for site, ek in eks.items()},
        "signature": signatures,
        "transcript": transcript.transcript(ctx, eks).hex(),
    }


def case_agree(given: Given) -> Any:
    shares = {
        s["site"]: KeyShare(s["site"], raw(s["ek"]), raw(s["signature"])) for s in given["shares"]
    }
    return agree(run_of(given["run"]), shares).transcript.hex()


def case_mask(given: Given) -> Any:
    seeds = {SiteId(site): raw(seed) for site, seed in given["fresh_seeds"].items()}
    eks = {site: keys.ephemeral_public(seed) for site, seed in seeds.items()}
    uploads = {}
    for site in given["shown"]:
        pairs = {
            j: keys.pair_key(seeds[site], ek, raw(given["transcript"]))
            for j, ek in eks.items()
            if j != site
        }
        words = words_of([int(word) for word in given["words"][site]], given["width"])
        uploads[site] = masks.add_masks(words, given["width"], site, pairs, _sd(given))
    total = _sum(list(uploads.values()), given["width"]) if len(uploads) == len(seeds) else None
    return {
        "uploads": {site: words.tobytes().hex() for site, words in uploads.items()},
        "sum": None if total is None else [str(word) for word in _integers(total, given["width"])],
    }


def case_encode(given: Given) -> Any:
    field = field_of(given)
    check_capacity(field, given["sites"])
    values = cells_of(field.kind, given["values"])
    return encode(field, values, given["width"]).tobytes().hex()


def case_decode(given: Given) -> Any:
    field = field_of(given)
    check_capacity(field, given["sites"])
    words = np.frombuffer(raw(given["words"]), dtype=np.uint64)
    total = decode(field, words, given["width"], given["sites"])
    if total is None:
        return {"refused": "sum-refused"}
    return [v if field.kind == "count" else v.hex() for v in total.tolist()]


def case_sum(given: Given) -> Any:
    block = block_of(given["block"])
    vectors = {
        u["site"]: MaskedVector(
            u["site"], u["step"], raw(u["sd"]), raw(u["words"]), raw(u["signature"])
        )
        for u in given["uploads"]
    }
    view = View(run_of(given["run"]), raw(given["transcript"]))
    return shown(open_total(view, block, vectors), block)


def case_raw_sum(given: Given) -> Any:
    block = block_of(given["block"])
    vectors = [np.frombuffer(raw(words), dtype=np.uint64) for words in given["vectors"]]
    total = _sum(vectors, block.width)
    return shown(unpack(block, raw(given["sd"]), given["sites"], total), block)


def case_round(given: Given) -> Any:
    seeds = {
        SiteId(site): Seeds(raw(seed), raw(given["fresh_seeds"][site]))
        for site, seed in given["identity_seeds"].items()
    }
    now = gather(run_of(given["run"]), seeds, raw(given["coordinator_seed"]))
    trips = []
    for number_, trip in enumerate(given["trips"], 1):
        now, said = _play(now, number_, trip)
        trips.append(said)
    ctx, t = now.view.run.ctx.hex(), now.view.transcript.hex()
    return {"ctx": ctx, "transcript": t, "trips": trips}


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


def case_atoms(given: Given) -> Any:
    rosters = [frozenset(map(SiteId, members)) for members in given["rosters"]]
    return [sorted(atom) for atom in small_atoms(rosters, given["least"])]


def case_rule_l(given: Given) -> Any:
    chain, released = (
        [Roster.from_bytes(text.encode()) for text in given[part]] for part in ("chain", "released")
    )
    require_rule_l(SiteId(given["own"]), chain, released, _consents(given))
    return True


def case_open_run(given: Given) -> Any:
    made = OpenRun(
        run_id=raw(given["run_id"]),
        plan=given["plan"].encode(),
        rosters=tuple(SignedRoster(text.encode(), ()) for text in given["rosters"]),
        epoch=given["epoch"],
        scheme=given["scheme"],
        suite=given["suite"],
        program=given["program"],
        consents=_consents(given),
    )
    return made.sign(raw(given["coordinator_seed"])).signature.hex()


def case_abort(given: Given) -> Any:
    Abort(raw(given["ctx"]), raw(given["signature"])).verify(raw(given["coordinator"]))
    return True


def case_done(given: Given) -> Any:
    site, ctx, chain = SiteId(given["site"]), raw(given["ctx"]), raw(given["chain"])
    runs = tuple(map(raw, given.get("runs", ())))
    done = Done(site, ctx, given["state"], chain, runs).sign(raw(given["identity_seed"]))
    return done.signature.hex()


def case_refusal(given: Given) -> Any:
    site, ctx, request = SiteId(given["site"]), raw(given["ctx"]), raw(given["request"])
    return (
        Refusal(site, ctx, request, given["code"]).sign(raw(given["identity_seed"])).signature.hex()
    )


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


def _consents(given: Given) -> tuple[Consent, ...]:
    return tuple(Consent(SiteId(c["site"]), raw(c["signature"])) for c in given["consents"])


def _sd(given: Given) -> bytes:
    return transcript.step_digest(
        raw(given["transcript"]),
        step=given["step"],
        kind=given["kind"],
        width=given["width"],
        length=given["length"],
        params=raw(given["params"]),
    )


def _sum(vectors: Sequence[Words], width: int) -> Words:
    total = np.zeros_like(vectors[0])
    for vector in vectors:
        masks.add(total, vector, width)
    return total


def _integers(words: Words, width: int) -> list[int]:
    data, size = words.tobytes(), width // 8
    return [int.from_bytes(data[i : i + size], "little") for i in range(0, len(data), size)]


def _play(now: Gathered, number_: int, trip: Given) -> tuple[Gathered, dict[str, Any]]:
    """Play one trip move by move, keeping every value that crosses a wall."""
    questions = [
        Question(
            q["kind"], Layout(tuple(field_of(f) for f in q["fields"])), tuple(q["key"]), q["lock"]
        )
        for q in trip["questions"]
    ]
    blocks = blocks_of(now, questions)
    request = open_trip(
        now.view,
        now.coordinator_seed,
        number_,
        blocks,
        chain=now.chain,
        deadline=trip["deadline"],
    )
    states, replies = {}, {}
    for site, state in now.sites.items():
        own = [
            Contribution(
                {f.name: cells_of(f.kind, o["release"][f.name]) for f in block.layout.fields},
                o["patients"],
                o["flag"],
            )
            for block, o in zip(blocks, trip["own"][site], strict=True)
        ]
        said = raw(trip["statements"].get(site, ""))
        states[site], replies[site] = reply_to(state, request, blocks, own, said)
    opened = close_trip(now.view, now.coordinator_seed, number_, blocks, replies)
    uploads = by_step(now.view, number_, blocks, replies)
    checked = recompute(now.view, blocks, uploads, opened.result)
    after = replace(
        now,
        sites={site: accept(state, checked) for site, state in states.items()},
        chain=next_chain(now.chain, opened.result.digest),
        trips=now.trips + 1,
        steps=now.steps + len(blocks),
    )
    return after, {
        "request_signature": request.signature.hex(),
        "chain": now.chain.hex(),
        "steps": [
            {
                "sd": step.sd.hex(),
                "uploads": {s: v.words.hex() for s, v in uploads[step.step].items()},
                "signatures": {s: v.signature.hex() for s, v in uploads[step.step].items()},
                "total_digest": step.total_digest.hex(),
                "opened": shown(total, block),
            }
            for block, step, total in zip(blocks, opened.result.steps, opened.totals, strict=True)
        ],
        "statements": {s.site: s.signature.hex() for s in opened.result.statements},
        "result_digest": opened.result.digest.hex(),
        "result_signature": opened.result.signature.hex(),
        "chain_after": after.chain.hex(),
    }


CASES: dict[str, Callable[[Given], Any]] = {
    name.removeprefix("case_").replace("_", "-"): function
    for name, function in list(globals().items())
    if name.startswith("case_")
} | first_sealed.CASES
