"""X25519 and Ed25519, in plain integers."""

import hashlib

from tests.vectors.second.tagged import lp, need

P = 2**255 - 19

ORDER = 2**252 + 27742317777372353535851937790883648493

EDWARDS_D = -121665 * pow(121666, -1, P) % P

ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)

Point = tuple[int, int, int, int]


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


def fresh_of(seed: str) -> bytes:
    return x25519(bytes.fromhex(seed), (9).to_bytes(32, "little"))


def signed_parts(seed: str, *parts: bytes | str) -> str:
    return ed25519_sign(bytes.fromhex(seed), lp("SITESUM-1", *parts)).hex()


def need_signed(public: str, signature: str, *parts: bytes | str) -> None:
    raw = bytes.fromhex(signature)
    need(len(raw) == 64, "signature")
    need(ed25519_valid(bytes.fromhex(public), lp("SITESUM-1", *parts), raw), "signature")
