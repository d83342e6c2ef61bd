"""Masks that cancel when every site's are added, and do not otherwise (SPEC 5.6, 5.7)."""

from collections.abc import Iterator, Mapping

import numpy as np
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from protocol.canonical import DIGEST_SIZE, SUITE, lp
from protocol.ids import SiteId
from protocol.secagg.encoding import Words
from protocol.secagg.keys import KEY_SIZE

CHUNK_BYTES = 2**18
"""How much of a mask exists at a time: fits a processor's cache, and whole 128-bit words."""

_ZEROS = bytes(CHUNK_BYTES)


def mask_key(pair_key: bytes, sd: bytes, one: SiteId, other: SiteId) -> bytes:
    """Derive k_ij, the 32-byte key of one step of one pair (SPEC 5.6).

    Both ends get the same key, whichever they name first.
    """
    if len(pair_key) != KEY_SIZE or len(sd) != DIGEST_SIZE:
        raise ValueError("wrong key or digest size")
    low, high = sorted((one.encode(), other.encode()))
    info = lp(SUITE, "mask", low, high, sd)
    return HKDFExpand(hashes.SHA256(), KEY_SIZE, info).derive(pair_key)


def mask_words(key: bytes, count: int) -> Words:
    """Stretch a step's key into `count` words of 64 bits: AES-256-CTR from counter 0."""
    return np.concatenate([chunk.copy() for _, chunk in _stream(key, count)])


def add_masks(
    words: Words, width: int, own: SiteId, pair_keys: Mapping[SiteId, bytes], sd: bytes
) -> Words:
    """Hide a site's encoded vector: add the masks of later ids, subtract the others (SPEC 5.7).

    Pre-conditions:

    - `pair_keys` holds prk_ij for every other site of the run, and nobody else
    - no other vector was ever masked under `sd` with these keys: two of them differ by what
      they hide

    Parameters
    ----------
    words
        The encoded vector; left as it is.
    width
        64 or 128; in 128 bits words are pairs (low, high).
    """
    masked = words.copy()
    for site, pair in pair_keys.items():
        key = mask_key(pair, sd, own, site)
        # Of each pair one end adds and the other subtracts, by the order of their ids' bytes.
        combine = add if own.encode() < site.encode() else subtract
        for start, chunk in _stream(key, len(masked)):
            combine(masked[start : start + len(chunk)], chunk, width)
    return masked


def add(total: Words, words: Words, width: int) -> None:
    """Add words to a total in place, modulo 2^width."""
    if width == 64:
        np.add(total, words, out=total)
        return
    low, high = total[0::2], total[1::2]
    low += words[0::2]
    high += words[1::2]
    high += low < words[0::2]  # a sum smaller than a summand has wrapped


def subtract(total: Words, words: Words, width: int) -> None:
    """Subtract words from a total in place, modulo 2^width."""
    if width == 64:
        np.subtract(total, words, out=total)
        return
    low, high = total[0::2], total[1::2]
    high -= low < words[0::2]  # borrow, before the low half is gone
    high -= words[1::2]
    low -= words[0::2]


def _stream(key: bytes, count: int) -> Iterator[tuple[int, Words]]:
    """Yield a key's words in chunks, each with its place; a chunk lives until the next."""
    # A zero counter is safe: the key serves this one step of this one pair.
    stream = Cipher(AES256(key), CTR(bytes(16))).encryptor()
    buffer = bytearray(min(8 * count, CHUNK_BYTES) + 15)
    view = np.frombuffer(buffer, dtype="<u8", count=len(buffer) // 8)
    for start in range(0, 8 * count, CHUNK_BYTES):
        size = min(8 * count - start, CHUNK_BYTES)
        stream.update_into(_ZEROS[:size], buffer)
        yield start // 8, view[: size // 8]
