"""HKDF, AES-256 and what counter mode and GCM make of it, on plain integers."""

import hmac


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
