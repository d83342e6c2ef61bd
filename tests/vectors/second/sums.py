"""Numbers to words, masks on them, and what a sum of uploads opens to (SPEC 3, 5 and 6)."""

import hashlib
from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import isfinite
from typing import Any

from tests.vectors.second.curves import ed25519_valid, x25519
from tests.vectors.second.runs import ctx_of, prk_of, sd_of
from tests.vectors.second.streams import expand, stream
from tests.vectors.second.tagged import lp, need, u32
from tests.vectors.second.trust import roster_of


def exact(number: Any) -> Fraction:
    """Read a cell or bound: whole numbers as they are, doubles as hexadecimal text."""
    if isinstance(number, int):
        return Fraction(number)
    value = float.fromhex(number)
    need(isfinite(value), "encoding")
    return Fraction(value)


def check_capacity(field: Mapping[str, Any], sites: int) -> None:
    limit = 2**63 if field["kind"] == "count" else 2**62
    need(field["bound"] not in ("inf", "nan"), "overflow")
    need(exact(field["bound"]) >= 0 and sites * exact(field["bound"]) < limit, "overflow")


def encoded(field: Mapping[str, Any], sites: int) -> list[int]:
    """Turn cells into integers, signed."""
    check_capacity(field, sites)
    out = []
    for cell in field["values"]:
        value, bound = exact(cell), exact(field["bound"])
        whole = isinstance(cell, int) and value >= 0 if field["kind"] == "count" else True
        need(whole and abs(value) <= bound, "encoding")
        out.append(int(value) if field["kind"] == "count" else round(value * 2**64))
    return out


def to_bytes(words: Sequence[int], width: int) -> bytes:
    return b"".join((w % 2**width).to_bytes(width // 8, "little") for w in words)


def from_bytes(raw: bytes, width: int) -> list[int]:
    size = width // 8
    return [int.from_bytes(raw[i : i + size], "little") for i in range(0, len(raw), size)]


def masked(words: bytes, width: int, own: str, pairs: Mapping[str, bytes], sd: bytes) -> bytes:
    total = from_bytes(words, width)
    for other, prk in pairs.items():
        low, high = sorted((own.encode(), other.encode()))
        mask = stream(expand(prk, lp("SITESUM-1", "mask", low, high, sd)), len(words))
        sign = 1 if own.encode() == low else -1
        total = [t + sign * m for t, m in zip(total, from_bytes(mask, width), strict=True)]
    return to_bytes(total, width)


def summed(vectors: Sequence[bytes], width: int) -> list[int]:
    columns = zip(*(from_bytes(v, width) for v in vectors), strict=True)
    return [sum(column) % 2**width for column in columns]


def decoded(field: Mapping[str, Any], words: Sequence[int], width: int, sites: int) -> list[Any]:
    check_capacity(field, sites)
    if field["kind"] == "count":
        need(all(w <= sites * exact(field["bound"]) for w in words), "sum-refused")
        return list(words)
    signed = [w - 2**width if w >> (width - 1) else w for w in words]
    limit = sites * round(exact(field["bound"]) * 2**64)
    need(all(abs(w) <= limit for w in signed), "sum-refused")
    return [(w / 2**64).hex() for w in signed]


def lanes_of(block: Mapping[str, Any], sd: bytes, own: Mapping[str, Any]) -> list[int]:
    lanes = [1, int.from_bytes(sd[:5], "little"), own.get("patients", 0), own.get("flag", 0)]
    return lanes[:2] if block["lock"] else lanes


def opened(block: Mapping[str, Any], sd: bytes, sites: int, words: Sequence[int]) -> dict[str, Any]:
    """Check lanes and bounds of a sum, and name its parts."""
    need(words[0] == sites and words[1] == sites * int.from_bytes(sd[:5], "little"), "sum-refused")
    lanes = 2 if block["lock"] else 4
    patients, flags = words[2:4] if lanes == 4 else (0, 0)
    need(patients <= sites * 2**32 and flags <= sites, "sum-refused")
    sums, start = {}, lanes
    for field in block["fields"]:
        part = words[start : start + field["cells"]]
        sums[field["name"]] = decoded(field, part, block["width"], sites)
        start += field["cells"]
    return {"sums": sums, "patients": patients, "flags": flags}


def case_mask(given: Mapping[str, Any]) -> Any:
    """Mask raw words; `uploads` of sites not in `shown` come from the case."""
    transcript, width = bytes.fromhex(given["transcript"]), given["width"]
    sd, base = sd_of(transcript, given), (9).to_bytes(32, "little")
    seeds = {site: bytes.fromhex(seed) for site, seed in given["fresh_seeds"].items()}
    eks = {site: x25519(seed, base) for site, seed in seeds.items()}
    uploads = {}
    for site in given["shown"]:
        pairs = {j: prk_of(seeds[site], ek, transcript) for j, ek in eks.items() if j != site}
        raw = to_bytes([int(w) for w in given["words"][site]], width)
        uploads[site] = masked(raw, width, site, pairs, sd)
    total: list[int] | None = None
    if set(given["shown"]) == set(seeds):
        total = summed(list(uploads.values()), width)
    return {
        "uploads": {site: upload.hex() for site, upload in uploads.items()},
        "sum": total and [str(word) for word in total],
    }


def case_encode(given: Mapping[str, Any]) -> Any:
    return to_bytes(encoded(given, given["sites"]), given["width"]).hex()


def case_decode(given: Mapping[str, Any]) -> Any:
    words = from_bytes(bytes.fromhex(given["words"]), given["width"])
    return decoded(given, words, given["width"], given["sites"])


def case_sum(given: Mapping[str, Any]) -> Any:
    """Add signed uploads and open the total (SPEC 6.3, 6.4)."""
    roster, block = roster_of(given["run"]["roster"]), given["block"]
    ctx, transcript = ctx_of(given["run"], roster["digest"]), bytes.fromhex(given["transcript"])
    sd, seen = sd_of(transcript, block), {}
    for upload in given["uploads"]:
        site, words = upload["site"], bytes.fromhex(upload["words"])
        need(site in roster["keys"] and site not in seen, "sum-refused")
        right = (upload["step"], upload["sd"]) == (block["step"], sd.hex())
        need(right and len(words) == block["length"] * block["width"] // 8, "sum-refused")
        place = ("release", ctx, transcript, u32(block["step"]), sd, site)
        message = lp("SITESUM-1", *place, hashlib.sha256(words).digest())
        signature = bytes.fromhex(upload["signature"])
        need(ed25519_valid(roster["keys"][site], message, signature), "signature")
        seen[site] = words
    need(seen.keys() == roster["keys"].keys(), "sum-refused")
    return opened(block, sd, len(seen), summed(list(seen.values()), block["width"]))


def case_raw_sum(given: Mapping[str, Any]) -> Any:
    """Open a sum of words with no look at signatures: lanes and bounds alone must refuse."""
    block, vectors = given["block"], [bytes.fromhex(raw) for raw in given["vectors"]]
    words = summed(vectors, block["width"])
    return opened(block, bytes.fromhex(given["sd"]), given["sites"], words)
