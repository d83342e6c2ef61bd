"""A second implementation, in plain integers and the standard library alone.

It shares no line with `protocol`, is slow, and keeps no secret from a timing observer: it exists to
agree with the vectors. `answer(kind, given)` gives a case's `expect`, or raises `Refused`.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from math import isfinite
from typing import Any

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
EDWARDS_D = -121665 * pow(121666, -1, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)
Point = tuple[int, int, int, int]


class Refused(Exception):  # noqa: N818
    """The case must not pass; the text is the stable code of the refusal."""


def need(condition: object, code: str) -> None:
    if not condition:
        raise Refused(code)


# --- bytes ----------------------------------------------------------------------------------------


def u32(number: int) -> bytes:
    need(0 <= number < 2**32, "value")
    return number.to_bytes(4, "little")


def lp(*parts: bytes | str) -> bytes:
    out = b""
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        out += len(raw).to_bytes(4, "little") + raw
    return out


def tagged(*parts: bytes | str) -> bytes:
    return hashlib.sha256(lp("SITESUM-1", *parts)).digest()


def compact(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


# --- curves ---------------------------------------------------------------------------------------


def x25519(scalar: bytes, u_bytes: bytes) -> bytes:
    """Walk the Montgomery ladder of RFC 7748, section 5."""
    k = int.from_bytes(scalar, "little") & ~7 & ~(1 << 255) | 1 << 254
    u = int.from_bytes(u_bytes, "little") & (2**255 - 1)
    x2, z2, x3, z3 = 1, 0, u, 1
    for bit in reversed(range(255)):
        if k >> bit & 1:
            x2, z2, x3, z3 = x3, z3, x2, z2
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        da, cb, aa, bb = d * a % P, c * b % P, a * a % P, b * b % P
        e = aa - bb
        if_added = (da + cb) ** 2 % P, u * (da - cb) ** 2 % P
        if_doubled = aa * bb % P, e * (aa + 121665 * e) % P
        (x3, z3), (x2, z2) = if_added, if_doubled
        if k >> bit & 1:
            x2, z2, x3, z3 = x3, z3, x2, z2
    return (x2 * pow(z2, -1, P) % P if z2 % P else 0).to_bytes(32, "little")


def recover_x(y: int, sign: int) -> int | None:
    x2 = (y * y - 1) * pow(EDWARDS_D * y * y + 1, -1, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - x2) % P or (x == 0 and sign):
        return None
    return x if x & 1 == sign else P - x


def plus(p: Point, q: Point) -> Point:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * EDWARDS_D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(scalar: int, point: Point) -> Point:
    out = NEUTRAL
    while scalar:
        if scalar & 1:
            out = plus(out, point)
        point, scalar = plus(point, point), scalar >> 1
    return out


NEUTRAL: Point = (0, 1, 1, 0)
BASE_Y = 4 * pow(5, -1, P) % P
BASE_X = recover_x(BASE_Y, 0) or 0
BASE: Point = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def packed(point: Point) -> bytes:
    inverse = pow(point[2], -1, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def unpacked(raw: bytes) -> Point | None:
    number = int.from_bytes(raw, "little")
    y = number & (2**255 - 1)
    x = recover_x(y, number >> 255) if y < P else None
    return None if x is None else (x, y, 1, x * y % P)


def scalar_of(*parts: bytes) -> int:
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % ORDER


def ed25519_secret(seed: bytes) -> tuple[int, bytes]:
    wide = hashlib.sha512(seed).digest()
    return int.from_bytes(wide[:32], "little") & ~7 & ~(1 << 255) | 1 << 254, wide[32:]


def ed25519_public(seed: bytes) -> bytes:
    return packed(times(ed25519_secret(seed)[0], BASE))


def ed25519_sign(seed: bytes, message: bytes) -> bytes:
    """Sign as RFC 8032, section 5.1.6."""
    secret, prefix = ed25519_secret(seed)
    public, nonce = ed25519_public(seed), scalar_of(prefix, message)
    commitment = packed(times(nonce, BASE))
    s = (nonce + scalar_of(commitment, public, message) * secret) % ORDER
    return commitment + s.to_bytes(32, "little")


def ed25519_valid(public: bytes, message: bytes, signature: bytes) -> bool:
    """Verify as RFC 8032, section 5.1.7: a high S is refused."""
    a, s = unpacked(public), int.from_bytes(signature[32:], "little")
    r = unpacked(signature[:32])
    if a is None or r is None or len(signature) != 64 or s >= ORDER:
        return False
    k = scalar_of(signature[:32], public, message)
    return packed(times(s, BASE)) == packed(plus(r, times(k, a)))


# --- key stream -----------------------------------------------------------------------------------


def extract(salt: bytes, ikm: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), ikm, "sha256")


def expand(prk: bytes, info: bytes, size: int = 32) -> bytes:
    out, block = b"", b""
    while len(out) < size:
        block = hmac.digest(prk, block + info + bytes([len(out) // 32 + 1]), "sha256")
        out += block
    return out[:size]


def doubled(byte: int) -> int:
    return (byte << 1 ^ (0x11B if byte & 0x80 else 0)) & 0xFF


def boxes() -> list[int]:
    box, p, q = [0x63] * 256, 1, 1
    for _ in range(255):
        p ^= doubled(p)  # times 3, a generator
        for shift in (1, 2, 4):  # divided by 3
            q ^= q << shift & 0xFF
        q ^= 0x09 if q & 0x80 else 0
        wide = q * 0x101
        box[p] = (q ^ wide >> 7 ^ wide >> 6 ^ wide >> 5 ^ wide >> 4) & 0xFF ^ 0x63
    return box


SBOX = boxes()
TWICE = [doubled(byte) for byte in range(256)]


def round_keys(key: bytes) -> list[list[int]]:
    words, constant = [list(key[4 * i : 4 * i + 4]) for i in range(8)], 1
    for i in range(8, 60):
        word = list(words[-1])
        if i % 8 == 0:
            word = [SBOX[b] for b in word[1:] + word[:1]]
            word[0] ^= constant
            constant = doubled(constant)
        elif i % 8 == 4:
            word = [SBOX[b] for b in word]
        words.append([a ^ b for a, b in zip(words[i - 8], word, strict=True)])
    return [[b for word in words[4 * r : 4 * r + 4] for b in word] for r in range(15)]


def aes256(keys: list[list[int]], block: bytes) -> bytes:
    state = [a ^ b for a, b in zip(block, keys[0], strict=True)]
    for number in range(1, 15):
        state = [SBOX[state[(5 * i) % 16]] for i in range(16)]
        if number < 14:
            mixed: list[int] = []
            for c in range(0, 16, 4):
                column = state[c : c + 4]
                every = column[0] ^ column[1] ^ column[2] ^ column[3]
                mixed += [column[i] ^ every ^ TWICE[column[i] ^ column[i - 3]] for i in range(4)]
            state = mixed
        state = [a ^ b for a, b in zip(state, keys[number], strict=True)]
    return bytes(state)


def stream(key: bytes, size: int, start: int = 0, counter: int = 0) -> bytes:
    """Give bytes start .. start + size of AES-256-CTR, beginning at a counter."""
    keys, first = round_keys(key), start // 16
    blocks = range(first, -(-(start + size) // 16))
    out = b"".join(aes256(keys, (counter + i).to_bytes(16, "big")) for i in blocks)
    return out[start - 16 * first :][:size]


def doubled_in_gcm(v: int) -> int:
    return v >> 1 ^ (0xE1 << 120 if v & 1 else 0)


def ghash(h: int, data: bytes) -> int:
    """Multiply and add in the field of NIST SP 800-38D, whose bits begin with the highest."""
    y = 0
    for start in range(0, len(data), 16):
        y, z, v = y ^ int.from_bytes(data[start : start + 16], "big"), 0, h
        for bit in reversed(range(128)):
            z ^= v if y >> bit & 1 else 0
            v = doubled_in_gcm(v)
        y = z
    return y


def gcm_text(key: bytes, number: int, text: bytes) -> bytes:
    """Encrypt or decrypt under the number as nonce."""
    mask = stream(key, len(text), 0, number << 32 | 2)
    return bytes(a ^ b for a, b in zip(text, mask, strict=True))


def gcm_code(key: bytes, number: int, sealed: bytes, named: bytes) -> bytes:
    """Authenticate what was encrypted, and what is named beside it."""
    h = int.from_bytes(aes256(round_keys(key), bytes(16)), "big")
    padded = b"".join(part + bytes(-len(part) % 16) for part in (named, sealed))
    sizes = b"".join((8 * len(part)).to_bytes(8, "big") for part in (named, sealed))
    code = ghash(h, padded + sizes) ^ int.from_bytes(stream(key, 16, 0, number << 32 | 1), "big")
    return code.to_bytes(16, "big")


# --- roster and run -------------------------------------------------------------------------------

SITE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
ROSTER_KEYS = {
    *("federation", "study", "version", "prev_digest", "not_before", "expires", "sites", "ck"),
    *("min_sites", "scheme", "delta_min", "verifiers", "simulated"),
}


def moment(text: Any) -> datetime:
    """Read a time; a day alone begins at midnight in UTC."""
    shape = r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}Z)?"
    need(isinstance(text, str) and re.fullmatch(shape, text, re.ASCII), "roster")
    try:
        return datetime.fromisoformat(text.removesuffix("Z"))
    except ValueError:
        raise Refused("roster") from None


def check_identities(keys: Sequence[str], code: str) -> None:
    """Hold SPEC 2.5 against identity keys in hex."""
    need(len(set(keys)) == len(keys), code)
    for text in keys:
        need(re.fullmatch("[0-9a-f]{64}", text), code)
        key = bytes.fromhex(text)
        point = unpacked(key)
        need(int.from_bytes(key, "little") % 2**255 < P, code)
        need(point is None or packed(times(8, point)) != packed(NEUTRAL), code)


def roster_of(text: str) -> dict[str, Any]:
    """Parse a roster's bytes and hold all of SPEC 2 against it."""
    r = json.loads(text)
    need(r.keys() == ROSTER_KEYS and compact(r) == text.encode(), "roster")
    ids, keys = [s["id"] for s in r["sites"]], [s["ik"] for s in r["sites"]] + [r["ck"]]
    need(all(s.keys() == {"id", "name", "ik"} for s in r["sites"]), "roster")
    need(all(SITE.fullmatch(i) for i in ids + r["verifiers"]), "roster")
    need(ids == sorted(set(ids)) and len(set(keys)) == len(keys), "roster")
    hexes = [*keys, r["prev_digest"]]
    need(all(re.fullmatch("[0-9a-f]{64}", key) for key in hexes), "roster")
    check_identities(keys, "roster")
    names = [r["federation"], r["study"], *(s["name"] for s in r["sites"])]
    need(all(n and n.isprintable() for n in names), "roster")
    need(all(type(r[k]) is int for k in ("version", "min_sites", "delta_min")), "roster")
    need(type(r["simulated"]) is bool and r["scheme"] == "A", "roster")
    least = 1 if r["simulated"] else 3
    need(least <= r["min_sites"] <= len(ids) and r["delta_min"] >= 2, "roster")
    need(r["version"] >= 1, "roster")
    need((r["version"] == 1) == (r["prev_digest"] == "00" * 32), "roster")
    need(moment(r["not_before"]) < moment(r["expires"]), "roster")
    chosen = r["verifiers"]
    need(len(set(chosen)) == len(chosen) != 1 and set(chosen) <= set(ids), "roster")
    return {
        "value": r,
        "digest": tagged("roster", text),
        "keys": {s["id"]: bytes.fromhex(s["ik"]) for s in r["sites"]},
        "coordinator": bytes.fromhex(r["ck"]),
    }


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


# --- vectors --------------------------------------------------------------------------------------


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


# --- governance -----------------------------------------------------------------------------------

LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def federation_of(text: str) -> dict[str, Any]:
    """Parse a federation's file (SPEC 2.9); of its certificate, the outermost length alone."""
    f, code = json.loads(text), "federation-file"
    need(f.keys() == {"name", "ck", "authorities", "threshold", "plan_signers", "ca"}, code)
    need(compact(f) == text.encode() and f["authorities"] == sorted(f["authorities"]), code)
    need(f["plan_signers"] == sorted(f["plan_signers"]), code)
    der = bytes.fromhex(f["ca"])
    need(der[:2] == b"\x30\x82" and len(der) == 4 + int.from_bytes(der[2:4], "big"), "certificate")
    need(f["name"] and f["name"].isprintable(), code)
    check_identities([f["ck"], *f["authorities"], *f["plan_signers"]], code)
    need(type(f["threshold"]) is int and 1 <= f["threshold"] <= len(f["authorities"]), code)
    return dict(f)


def signed_parts(seed: str, *parts: bytes | str) -> str:
    return ed25519_sign(bytes.fromhex(seed), lp("SITESUM-1", *parts)).hex()


def need_signed(public: str, signature: str, *parts: bytes | str) -> None:
    raw = bytes.fromhex(signature)
    need(len(raw) == 64, "signature")
    need(ed25519_valid(bytes.fromhex(public), lp("SITESUM-1", *parts), raw), "signature")


def lettered(raw: bytes) -> str:
    bits = "".join(f"{byte:08b}" for byte in raw)
    return "".join(LETTERS[int(bits[i : i + 5], 2)] for i in range(0, len(bits), 5))


def checksum(name: str, secret: bytes) -> str:
    folded = name.replace("I", "1").replace("L", "1").replace("O", "0")
    return lettered(tagged("invitation-check", folded, secret)[:5])[:4]


def joined_digest(seen: Mapping[str, str]) -> bytes:
    """Check what both ends saw (SPEC 2.9), and hash it."""
    code = "invitation"
    for part in ("site_nonce", "centre_nonce", "certificate"):
        need(len(seen[part]) == 64, code)
    need(SITE.fullmatch(seen["site"]) and seen["name"].isprintable(), code)
    need(1 <= len(seen["name"]) <= 200, code)
    check_identities([seen["identity"]], code)
    hexes = ("site_nonce", "centre_nonce", "identity", "certificate")
    parts = {k: bytes.fromhex(v) if k in hexes else v for k, v in seen.items()}
    order = ("invitation", "site_nonce", "centre_nonce", "site", "name", "identity")
    return tagged("join", *(parts[k] for k in (*order, "federation", "certificate")))


def atoms_of(rosters: Sequence[Sequence[str]], least: int) -> list[list[str]]:
    """Sort everybody by whom they stand together with (SPEC 7.4)."""
    everybody = sorted({site for members in rosters for site in members})
    seen: dict[tuple[bool, ...], list[str]] = {}
    for site in everybody:
        seen.setdefault(tuple(site in members for members in rosters), []).append(site)
    return sorted(atom for atom in seen.values() if len(atom) < least)


# --- cases ----------------------------------------------------------------------------------------


def answer(kind: str, given: Mapping[str, Any]) -> Any:
    """Give what a case expects."""
    return CASES[kind](given)


def case_ctr(given: Mapping[str, Any]) -> Any:
    return stream(bytes.fromhex(given["key"]), 8 * given["count"]).hex()


def case_hkdf(given: Mapping[str, Any]) -> Any:
    salt, ikm, info = (bytes.fromhex(given[part]) for part in ("salt", "ikm", "info"))
    return expand(extract(salt, ikm), info).hex()


def case_x25519(given: Mapping[str, Any]) -> Any:
    shared = x25519(bytes.fromhex(given["scalar"]), bytes.fromhex(given["u"]))
    need(any(shared), "key-exchange")
    return shared.hex()


def case_sign(given: Mapping[str, Any]) -> Any:
    seed, message = bytes.fromhex(given["seed"]), bytes.fromhex(given["message"])
    return {"public": ed25519_public(seed).hex(), "signature": ed25519_sign(seed, message).hex()}


def case_signature(given: Mapping[str, Any]) -> Any:
    message = lp("SITESUM-1", *(bytes.fromhex(part) for part in given["parts"]))
    public, signature = bytes.fromhex(given["public"]), bytes.fromhex(given["signature"])
    need(ed25519_valid(public, message, signature), "signature")
    return True


def case_ephemeral(given: Mapping[str, Any]) -> Any:
    check_ek(bytes.fromhex(given["ek"]))
    return True


def case_roster(given: Mapping[str, Any]) -> Any:
    return roster_of(given["roster"])["digest"].hex()


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


def case_long(given: Mapping[str, Any]) -> Any:
    """Some words of a long stream: counter mode can begin anywhere."""
    key = bytes.fromhex(given["key"])
    return stream(key, 8 * given["count"], 8 * given["first"]).hex()


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


class Round:
    """All parties of one run, by the letter of SPEC 4 to 6."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        roster = roster_of(given["run"]["roster"])
        self.secret = {s: bytes.fromhex(seed) for s, seed in given["identity_seeds"].items()}
        self.office = bytes.fromhex(given["coordinator_seed"])
        self.ctx = ctx_of(given["run"], roster["digest"])
        fresh = {s: bytes.fromhex(seed) for s, seed in given["fresh_seeds"].items()}
        eks = {s: x25519(seed, (9).to_bytes(32, "little")) for s, seed in fresh.items()}
        self.t = transcript_of(self.ctx, eks)
        self.sites = sorted(eks, key=str.encode)
        self.pairs = {
            s: {j: prk_of(fresh[s], eks[j], self.t) for j in self.sites if j != s}
            for s in self.sites
        }
        self.chain = tagged("chain", self.t)
        self.step = 0

    def ask(self, trip: int, given: Mapping[str, Any]) -> dict[str, Any]:
        steps, named, head = [], [], (self.ctx, self.t, u32(trip))
        blocks = [self.block(question) for question in given["questions"]]
        listed: list[bytes | str] = []
        for place, block in enumerate(blocks):
            named += [u32(block["step"]), block["kind"]]
            own = {site: given["own"][site][place] for site in self.sites}
            steps.append(self.answer(block, own, listed))
        request = lp(
            "SITESUM-1", "trip", *head, self.chain, given["deadline"], u32(len(blocks)), *named
        )
        said, statements = self.statements(head, given["statements"])
        result = (*head, u32(len(blocks)), *listed, u32(len(said) // 3), *said)
        digest, before = tagged("result", *result), self.chain
        self.chain = tagged("chain", before, digest)
        return {
            "request_signature": ed25519_sign(self.office, request).hex(),
            "chain": before.hex(),
            "steps": steps,
            "statements": statements,
            "result_digest": digest.hex(),
            "result_signature": ed25519_sign(self.office, lp("SITESUM-1", "result", *result)).hex(),
            "chain_after": self.chain.hex(),
        }

    def block(self, question: Mapping[str, Any]) -> dict[str, Any]:
        self.step += 1
        fields, lock = question["fields"], question["lock"]
        return {
            "step": self.step,
            "kind": question["kind"],
            "width": 64 if all(f["kind"] == "count" for f in fields) else 128,
            "length": (2 if lock else 4) + sum(f["cells"] for f in fields),
            "params": (self.chain + compact(question["key"])).hex(),
            "lock": lock,
            "fields": fields,
        }

    def answer(
        self, block: dict[str, Any], own: Mapping[str, Any], listed: list[bytes | str]
    ) -> dict[str, Any]:
        """Mask every site's numbers, open the sum, and list what the result signs."""
        sd, width = sd_of(self.t, block), block["width"]
        uploads, signatures = {}, {}
        for site in self.sites:
            cells = lanes_of(block, sd, own[site])
            for field in block["fields"]:
                values = own[site]["release"][field["name"]]
                cells += encoded({**field, "values": values}, len(self.sites))
            raw = to_bytes(cells, width)
            uploads[site] = masked(raw, width, site, self.pairs[site], sd)
            place = ("release", self.ctx, self.t, u32(block["step"]), sd, site)
            message = lp("SITESUM-1", *place, hashlib.sha256(uploads[site]).digest())
            signatures[site] = ed25519_sign(self.secret[site], message)
        words = summed([uploads[site] for site in self.sites], width)
        total = tagged("total", b"", to_bytes(words, width))
        listed += [u32(block["step"]), sd, total, u32(len(self.sites))]
        for site in self.sites:
            listed += [site, hashlib.sha256(uploads[site]).digest(), signatures[site]]
        return {
            "sd": sd.hex(),
            "uploads": {site: uploads[site].hex() for site in self.sites},
            "signatures": {site: signatures[site].hex() for site in self.sites},
            "total_digest": total.hex(),
            "opened": opened(block, sd, len(self.sites), words),
        }

    def statements(
        self, head: tuple[bytes, ...], given: Mapping[str, str]
    ) -> tuple[list[bytes | str], dict[str, str]]:
        parts: list[bytes | str] = []
        signed = {}
        for site in (s for s in self.sites if s in given):
            hashed = hashlib.sha256(bytes.fromhex(given[site])).digest()
            message = lp("SITESUM-1", "statement", *head, site, hashed)
            signature = ed25519_sign(self.secret[site], message)
            parts += [site, hashed, signature]
            signed[site] = signature.hex()
        return parts, signed


def case_round(given: Mapping[str, Any]) -> Any:
    parties = Round(given)
    trips = [parties.ask(number, trip) for number, trip in enumerate(given["trips"], 1)]
    return {"ctx": parties.ctx.hex(), "transcript": parties.t.hex(), "trips": trips}


def case_federation(given: Mapping[str, Any]) -> Any:
    federation_of(given["federation"])
    hashed = tagged("federation", given["federation"])
    bits = f"{int.from_bytes(hashed, 'big'):0256b}"
    return {"digest": hashed.hex(), "words": [int(bits[i : i + 11], 2) for i in range(0, 66, 11)]}


def case_chain(given: Mapping[str, Any]) -> Any:
    """Check signatures, then content, then order, names, keys, time and memory (SPEC 2.8)."""
    federation, rosters = federation_of(given["federation"]), given["rosters"]
    need(1 <= len(rosters) <= 1000, "roster")
    for entry in rosters:
        keys = [pair["key"] for pair in entry["signatures"]]
        need(keys == sorted(set(keys)) and set(keys) <= {*federation["authorities"]}, "signature")
        for pair in entry["signatures"]:
            need_signed(pair["key"], pair["signature"], "roster", entry["payload"])
        need(len(keys) >= federation["threshold"], "signature")
    chain = [roster_of(entry["payload"]) for entry in rosters]
    before = bytes(32)
    for place, roster in enumerate(chain, 1):
        value = roster["value"]
        need(value["version"] == place and value["prev_digest"] == before.hex(), "roster")
        need(value["federation"] == federation["name"], "roster")
        need(value["study"] == chain[0]["value"]["study"], "roster")
        keys = [value["ck"], *(site["ik"] for site in value["sites"])]
        need(not set(keys) & set(federation["authorities"]), "roster")
        need(not value["simulated"], "roster")
        before = roster["digest"]
    need(chain[0]["value"]["ck"] == federation["ck"], "roster")
    last, now = chain[-1]["value"], moment(given["now"])
    need(moment(last["not_before"]) <= now < moment(last["expires"]), "roster")
    if given["known"] is not None:
        known = roster_of(given["known"])
        version = known["value"]["version"]
        need(len(chain) >= version, "roster")
        need(chain[version - 1]["digest"] == known["digest"], "roster")
    return [roster["digest"].hex() for roster in chain]


def case_new_invitation(given: Mapping[str, Any]) -> Any:
    secret = bytes.fromhex(given["secret"])
    name = re.sub("[^A-Z0-9]+", "-", given["name"].upper())[:40].strip("-")
    need(name and len(secret) == 15, "value")
    letters = lettered(secret) + checksum(name, secret)
    return "-".join([name, *(letters[i : i + 4] for i in range(0, 28, 4))])


def case_invitation(given: Mapping[str, Any]) -> Any:
    *name, a, b, c, d, e, f, check = [""] * 8 + given["code"].upper().replace("-", " ").split()
    label = "-".join(part for part in name if part)
    groups = [g.replace("I", "1").replace("L", "1").replace("O", "0") for g in (a, b, c, d, e, f)]
    letters = "".join(groups)
    need(label and all(len(group) == 4 for group in (*groups, check)), "invitation")
    need(set(letters) <= set(LETTERS), "invitation")
    secret = int("".join(f"{LETTERS.index(x):05b}" for x in letters), 2).to_bytes(15, "big")
    shown = check.replace("I", "1").replace("L", "1").replace("O", "0")
    need(shown == checksum(label, secret), "invitation")
    return {"id": tagged("invitation", secret)[:16].hex(), "secret": secret.hex()}


def case_join(given: Mapping[str, Any]) -> Any:
    seen, secret = joined_digest(given["seen"]), bytes.fromhex(given["secret"])
    return {
        "digest": seen.hex(),
        "centre": hmac.digest(secret, lp("SITESUM-1", "join-centre", seen), "sha256").hex(),
        "site": hmac.digest(secret, lp("SITESUM-1", "join-site", seen), "sha256").hex(),
        "signature": signed_parts(given["identity_seed"], "join-site", seen),
        "receipt": signed_parts(given["coordinator_seed"], "join-centre", seen),
    }


def case_joined(given: Mapping[str, Any]) -> Any:
    seen, secret = joined_digest(given["seen"]), bytes.fromhex(given["secret"])
    for end in ("centre", "site"):
        code = hmac.digest(secret, lp("SITESUM-1", f"join-{end}", seen), "sha256")
        need(given[end] == code.hex(), "invitation")
    need_signed(given["seen"]["identity"], given["signature"], "join-site", seen)
    return True


def login_parts(given: Mapping[str, Any]) -> tuple[bytes | str, ...]:
    nonces = bytes.fromhex(given["site_nonce"]), bytes.fromhex(given["office_nonce"])
    need(all(len(nonce) == 32 for nonce in nonces) and nonces[0] != nonces[1], "login")
    return (given["site"], *nonces)


def case_login(given: Mapping[str, Any]) -> Any:
    parts = login_parts(given)
    office = ed25519_public(bytes.fromhex(given["coordinator_seed"]))
    return {
        "challenge": signed_parts(given["coordinator_seed"], "login-office", *parts),
        "proof": signed_parts(given["identity_seed"], "login-site", *parts, office),
    }


def case_logged_in(given: Mapping[str, Any]) -> Any:
    parts, office = login_parts(given), bytes.fromhex(given["coordinator"])
    need_signed(given["coordinator"], given["challenge"], "login-office", *parts)
    need_signed(given["identity"], given["proof"], "login-site", *parts, office)
    return True


def case_ledger_head(given: Mapping[str, Any]) -> Any:
    line = bytes.fromhex(given["digest"])
    need(0 < given["lines"] < 2**63 and len(line) == 32, "value")
    number = given["lines"].to_bytes(8, "little")
    parts = ("ledger-head", given["site"], number, line)
    need_signed(given["identity"], given["signature"], *parts)
    return True


def case_decided(given: Mapping[str, Any]) -> Any:
    digests = [bytes.fromhex(given[part]) for part in ("plan", "roster", "software")]
    number = len(given["decisions"]).to_bytes(4, "little")
    parts = (given["site"], *digests, given["state"], number, *given["decisions"])
    return signed_parts(given["identity_seed"], "decided", *parts)


def case_propose(given: Mapping[str, Any]) -> Any:
    federation_of(given["federation"])
    parts = tagged("federation", given["federation"]), tagged("plan", given["plan"])
    return signed_parts(given["signer_seed"], "plan", *parts)


def case_proposed(given: Mapping[str, Any]) -> Any:
    federation = federation_of(given["federation"])
    need(given["signer"] in federation["plan_signers"], "signature")
    parts = tagged("federation", given["federation"]), tagged("plan", given["plan"])
    need_signed(given["signer"], given["signature"], "plan", *parts)
    return True


def decision_of(text: str) -> dict[str, Any]:
    said = json.loads(text)
    names = ("federation", "plan", "roster", "software")
    rest = ("verdict", "site", "conditions", "comment", "operator", "key", "time", "signature")
    need(said.keys() == {*names, *rest} and compact(said) == text.encode(), "decision")
    need(said["verdict"] in ("approve", "refuse", "return", "withdraw"), "decision")
    need(all(len(bytes.fromhex(said[name])) == 32 for name in names), "decision")
    terms = said["conditions"]
    numbers = ("runs", "min_sites", "site_patients")
    need(terms.keys() == {"expires", "dropped", *numbers}, "decision")
    need(all(type(terms[n]) is int and terms[n] >= 0 for n in numbers), "decision")
    need(terms["dropped"] == sorted(set(terms["dropped"])), "decision")
    unsigned = compact({k: v for k, v in said.items() if k != "signature"})
    need_signed(said["key"], said["signature"], "decision", unsigned)
    return dict(said)


def case_standing(given: Mapping[str, Any]) -> Any:
    state, given_by = "pending", dict[str, Any]()
    for said in map(decision_of, given["decisions"]):
        about = all(said[name] == given[name] for name in ("federation", "plan", "roster"))
        if said["key"] not in given["operators"] or not about:
            continue
        if said["verdict"] != "approve":
            given_by.clear()
            ends = {"refuse": "refused", "return": "returned", "withdraw": "withdrawn"}
            state = ends[said["verdict"]]
        else:
            state = "pending"
            if said["software"] == given["software"]:
                given_by[said["key"]] = said["conditions"]
    if len(given_by) < given["needed"]:
        return {"state": state, "conditions": None}
    terms = list(given_by.values())
    times = {moment(t["expires"]): t["expires"] for t in terms if t["expires"]}
    return {
        "state": "approved",
        "conditions": {
            "expires": times[min(times)] if times else "",
            "runs": min((t["runs"] for t in terms if t["runs"]), default=0),
            "min_sites": max(t["min_sites"] for t in terms),
            "site_patients": max(t["site_patients"] for t in terms),
            "dropped": sorted({step for t in terms for step in t["dropped"]}),
        },
    }


def case_software(given: Mapping[str, Any]) -> Any:
    listed = sorted(given["files"].items(), key=lambda entry: entry[0].encode())
    parts = [(p, hashlib.sha256(bytes.fromhex(b)).digest()) for p, b in listed]
    return tagged("software", *(part for pair in parts for part in pair)).hex()


def case_atoms(given: Mapping[str, Any]) -> Any:
    return atoms_of(given["rosters"], given["least"])


def case_rule_l(given: Mapping[str, Any]) -> Any:
    chain, released = ([roster_of(text) for text in given[part]] for part in ("chain", "released"))
    new = chain[-1]["value"]
    keys = {site: key for roster in (*released, *chain) for site, key in roster["keys"].items()}
    for consent in given["consents"]:
        need(consent["site"] in keys, "roster")
        parts = ("withdraw-consent", new["federation"], new["study"], consent["site"])
        need_signed(keys[consent["site"]].hex(), consent["signature"], *parts)
    away = [roster for roster in chain[:-1] if given["own"] not in roster["keys"]]
    rosters = [list(roster["keys"]) for roster in (*released, *away, chain[-1])]
    agreed = {consent["site"] for consent in given["consents"]}
    for atom in atoms_of(rosters, new["delta_min"]):
        need(set(atom) <= agreed, "rule-l")
    return True


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


# --- sealed sessions ------------------------------------------------------------------------------

TAGS = {"request": "request", "reply": "reply", "told": "heads", "shown": "heads"}


def sealed_keys(seed: str, other: bytes, *parts: bytes | str) -> dict[str, str]:
    """Derive a session of site, its fresh key, the office's, and CK (SPEC 12.6)."""
    check_ek(other)
    named, secret = tagged("seal-session", *parts), x25519(bytes.fromhex(seed), other)
    keys = expand(extract(named, secret), lp("SITESUM-1", "seal"), 64)
    return {"session": named.hex(), "to_site": keys[:32].hex(), "to_office": keys[32:].hex()}


def fresh_of(seed: str) -> bytes:
    return x25519(bytes.fromhex(seed), (9).to_bytes(32, "little"))


def case_seal_offer(given: Mapping[str, Any]) -> Any:
    fresh = fresh_of(given["fresh_seed"])
    signature = signed_parts(given["coordinator_seed"], "seal-offer", fresh)
    return {"ephemeral": fresh.hex(), "signature": signature}


def case_seal_accept(given: Mapping[str, Any]) -> Any:
    offered, ck = bytes.fromhex(given["offer"]["ephemeral"]), bytes.fromhex(given["coordinator"])
    need_signed(given["coordinator"], given["offer"]["signature"], "seal-offer", offered)
    fresh = fresh_of(given["fresh_seed"])
    keys = sealed_keys(given["fresh_seed"], offered, given["site"], fresh, offered, ck)
    parts = ("seal-accept", given["site"], fresh, offered, ck)
    signature = signed_parts(given["identity_seed"], *parts)
    return {"ephemeral": fresh.hex(), "signature": signature, **keys}


def case_seal_accepted(given: Mapping[str, Any]) -> Any:
    said, ck = given["accept"], bytes.fromhex(given["coordinator"])
    theirs, own = bytes.fromhex(said["ephemeral"]), fresh_of(given["fresh_seed"])
    parts = ("seal-accept", said["site"], theirs, own, ck)
    need_signed(given["identity"], said["signature"], *parts)
    return sealed_keys(given["fresh_seed"], theirs, said["site"], theirs, own, ck)


def seal_of(given: Mapping[str, Any]) -> tuple[bytes, bytes, bytes]:
    """Give session id, the key of the direction, and what is sealed along (SPEC 12.7)."""
    name = "to_site" if given["what"] in ("request", "told") else "to_office"
    session = bytes.fromhex(given["session"])
    tag = f"seal-{TAGS[given['what']]}"
    return session, bytes.fromhex(given[name]), lp("SITESUM-1", tag, session)


def case_seal(given: Mapping[str, Any]) -> Any:
    session, key, named = seal_of(given)
    number = given["number"]
    text = gcm_text(key, number, bytes.fromhex(given["plain"]))
    code = gcm_code(key, number, text, named)
    return (session + number.to_bytes(8, "big") + text + code).hex()


def case_unseal(given: Mapping[str, Any]) -> Any:
    session, key, named = seal_of(given)
    raw = bytes.fromhex(given["sealed"])
    need(len(raw) >= 56 and raw[:32] == session, "seal")
    number, text, code = int.from_bytes(raw[32:40], "big"), raw[40:-16], raw[-16:]
    need(code == gcm_code(key, number, text, named), "seal")
    return {"number": number, "plain": gcm_text(key, number, text).hex()}


def case_seal_number(given: Mapping[str, Any]) -> Any:
    taken = {0}
    for number in (*given["before"], given["number"]):
        need(number not in taken and number > max(taken) - 64, "seal")
        taken.add(number)
    return True


def varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def measured(tag: int, raw: bytes) -> bytes:
    return bytes([tag]) + varint(len(raw)) + raw


def case_heads(given: Mapping[str, Any]) -> Any:
    out = b""
    for head in given["heads"]:
        body = measured(0x0A, head["site"].encode()) + b"\x10" + varint(head["lines"])
        body += measured(0x1A, bytes.fromhex(head["digest"]))
        out += measured(0x0A, body + measured(0x22, bytes.fromhex(head["signature"])))
    return out.hex()


def fields_of(raw: bytes) -> list[tuple[int, Any]]:
    """Read a message's fields: numbers, and whatever has a length."""
    found: list[tuple[int, Any]] = []
    while raw:
        tag, (number, rest) = raw[0], unvaried(raw[1:])
        need(tag & 7 in (0, 2), "message")
        if tag & 7 == 2:
            need(len(rest) >= number, "message")
            found.append((tag >> 3, rest[:number]))
            rest = rest[number:]
        else:
            found.append((tag >> 3, number))
        raw = rest
    return found


def unvaried(raw: bytes) -> tuple[int, bytes]:
    number = 0
    for place, byte in enumerate(raw):
        number |= (byte & 127) << 7 * place
        if byte < 128:
            return number, raw[place + 1 :]
    raise Refused("message")


def case_read_heads(given: Mapping[str, Any]) -> Any:
    heads = []
    for _, body in fields_of(bytes.fromhex(given["message"])):
        head = {1: b"", 2: 0, 3: b"", 4: b"", **dict(fields_of(body))}
        site, digest = head[1].decode(), head[3]
        need(SITE.fullmatch(site) and 0 < head[2] < 2**63 and len(digest) == 32, "message")
        told = {"site": site, "lines": head[2], "digest": digest.hex()}
        heads.append({**told, "signature": head[4].hex()})
    return heads


KINDS = {"offer", "accept", "heads", "request", "reply", "unknown-session", "denied"}


def case_record(given: Mapping[str, Any]) -> Any:
    """Write a record of up to 4 MiB (SPEC 12.8)."""
    head = {"wire": 2, "program": given["program"], "kind": given["parcel"], "parts": 0}
    return {"riskset": {**head, "data": given["body"]}}


def case_read_record(given: Mapping[str, Any]) -> Any:
    records = given["records"]
    head = records["riskset"]
    need((head["wire"], head["program"]) == (2, given["program"]), "other-version")
    names = ["riskset", *(f"part-{n}" for n in range(head["parts"]))]
    need(head["parts"] >= 0 and records.keys() == set(names), "message")
    body = "".join(records[name]["data"] for name in names)
    need(len(body) <= 2 * given["limit"] and head["kind"] in KINDS, "message")
    return {"parcel": head["kind"], "body": body}


CASES = {
    "abort": case_abort,
    "agree": case_agree,
    "atoms": case_atoms,
    "chain": case_chain,
    "ctr": case_ctr,
    "decided": case_decided,
    "decode": case_decode,
    "done": case_done,
    "encode": case_encode,
    "ephemeral": case_ephemeral,
    "federation": case_federation,
    "heads": case_heads,
    "hkdf": case_hkdf,
    "invitation": case_invitation,
    "join": case_join,
    "joined": case_joined,
    "ledger-head": case_ledger_head,
    "logged-in": case_logged_in,
    "login": case_login,
    "long": case_long,
    "mask": case_mask,
    "new-invitation": case_new_invitation,
    "open-run": case_open_run,
    "params": case_params,
    "propose": case_propose,
    "proposed": case_proposed,
    "raw-sum": case_raw_sum,
    "read-heads": case_read_heads,
    "read-record": case_read_record,
    "record": case_record,
    "refusal": case_refusal,
    "roster": case_roster,
    "round": case_round,
    "rule-l": case_rule_l,
    "seal": case_seal,
    "seal-accept": case_seal_accept,
    "seal-accepted": case_seal_accepted,
    "seal-number": case_seal_number,
    "seal-offer": case_seal_offer,
    "setup": case_setup,
    "sign": case_sign,
    "signature": case_signature,
    "software": case_software,
    "standing": case_standing,
    "step": case_step,
    "sum": case_sum,
    "unseal": case_unseal,
    "x25519": case_x25519,
}
