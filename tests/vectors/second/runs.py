"""How a run begins and ends: contexts, keys, transcripts and step digests (SPEC 4 and 5)."""

from collections.abc import Mapping
from typing import Any

from tests.vectors.second.curves import (
    P,
    ed25519_sign,
    ed25519_valid,
    need_signed,
    signed_parts,
    x25519,
)
from tests.vectors.second.streams import expand, extract
from tests.vectors.second.tagged import compact, lp, need, tagged, u32
from tests.vectors.second.trust import roster_of


def ctx_of(run: Mapping[str, Any], roster_digest: bytes) -> bytes:
    return tagged(
        "ctx",
        bytes.fromhex(run["run_id"]),
        bytes.fromhex(run["plan_digest"]),
        roster_digest,
        u32(run["epoch"]),
        run["scheme"],
        u32(run["suite"]),
    )


def transcript_of(ctx: bytes, eks: Mapping[str, bytes]) -> bytes:
    ordered = sorted(eks.items(), key=lambda item: item[0].encode())
    return tagged("transcript", ctx, *(part for item in ordered for part in item))


def check_ek(ek: bytes) -> None:
    """A point of low order gives zero with every scalar: scalars are multiples of 8."""
    need(len(ek) == 32 and int.from_bytes(ek, "little") < P, "key-exchange")
    need(any(x25519(bytes(32), ek)), "key-exchange")


def prk_of(seed: bytes, other: bytes, transcript: bytes) -> bytes:
    return expand(extract(transcript, x25519(seed, other)), lp("SITESUM-1", "pair"))


def sd_of(transcript: bytes, block: Mapping[str, Any]) -> bytes:
    width, length = block["width"], block["length"]
    need(width in (64, 128) and 1 <= length * width // 8 <= 2**36, "value")
    head = (u32(block["step"]), block["kind"], u32(width), u32(length))
    return tagged("step", transcript, *head, bytes.fromhex(block["params"]))


def case_ephemeral(given: Mapping[str, Any]) -> Any:
    check_ek(bytes.fromhex(given["ek"]))
    return True


def case_step(given: Mapping[str, Any]) -> Any:
    sd = sd_of(bytes.fromhex(given["transcript"]), given)
    return {"sd": sd.hex(), "counter": int.from_bytes(sd[:5], "little")}


def case_params(given: Mapping[str, Any]) -> Any:
    chain = bytes.fromhex(given["chain"])
    need(len(chain) == 32 and all(type(part) in (int, str) for part in given["key"]), "value")
    return (chain + compact(given["key"])).hex()


def case_setup(given: Mapping[str, Any]) -> Any:
    ctx = ctx_of(given["run"], bytes.fromhex(given["run"]["roster_digest"]))
    base = (9).to_bytes(32, "little")
    eks = {site: x25519(bytes.fromhex(s), base) for site, s in given["fresh_seeds"].items()}
    shares = {
        site: ed25519_sign(bytes.fromhex(seed), lp("SITESUM-1", "setup", ctx, site, eks[site]))
        for site, seed in given["identity_seeds"].items()
    }
    return {
        "ctx": ctx.hex(),
        "ek": {site: ek.hex() for site, ek in eks.items()},
        "signature": {site: signature.hex() for site, signature in shares.items()},
        "transcript": transcript_of(ctx, eks).hex(),
    }


def case_agree(given: Mapping[str, Any]) -> Any:
    roster = roster_of(given["run"]["roster"])
    ctx = ctx_of(given["run"], roster["digest"])
    shares = {s["site"]: (bytes.fromhex(s["ek"]), s["signature"]) for s in given["shares"]}
    need(shares.keys() == roster["keys"].keys(), "roster")
    for site, (ek, signature) in shares.items():
        check_ek(ek)
        message = lp("SITESUM-1", "setup", ctx, site, ek)
        valid = ed25519_valid(roster["keys"][site], message, bytes.fromhex(signature))
        need(valid, "signature")
    eks = {site: ek for site, (ek, _) in shares.items()}
    need(len(set(eks.values())) == len(eks), "key-exchange")
    return transcript_of(ctx, eks).hex()


def case_open_run(given: Mapping[str, Any]) -> Any:
    rosters = [tagged("roster", text) for text in given["rosters"]]
    consents: list[bytes | str] = []
    for consent in given["consents"]:
        consents += [consent["site"], bytes.fromhex(consent["signature"])]
    return signed_parts(
        given["coordinator_seed"],
        "run",
        bytes.fromhex(given["run_id"]),
        tagged("plan", given["plan"]),
        u32(given["epoch"]),
        given["scheme"],
        u32(given["suite"]),
        given["program"],
        u32(len(rosters)),
        *rosters,
        u32(len(given["consents"])),
        *consents,
        bytes.fromhex(given["seal"]),
    )


def case_abort(given: Mapping[str, Any]) -> Any:
    need_signed(given["coordinator"], given["signature"], "abort", bytes.fromhex(given["ctx"]))
    return True


def case_done(given: Mapping[str, Any]) -> Any:
    ctx, chain = bytes.fromhex(given["ctx"]), bytes.fromhex(given["chain"])
    runs = [bytes.fromhex(one) for one in given.get("runs", ())]
    parts = ("done", ctx, given["site"], given["state"], chain, *runs)
    return signed_parts(given["identity_seed"], *parts)


def case_refusal(given: Mapping[str, Any]) -> Any:
    ctx, request = bytes.fromhex(given["ctx"]), bytes.fromhex(given["request"])
    parts = ("refusal", ctx, given["site"], request, given["code"])
    return signed_parts(given["identity_seed"], *parts)
