"""What everybody saw so far, as digests that enter every key (SPEC 4.1, 4.4, 5.2 to 5.4).

Two sites that were shown different things derive different keys, and nothing cancels.
"""

from collections.abc import Mapping, Sequence

from protocol.canonical import DIGEST_SIZE, canonical_json, digest
from protocol.ids import SiteId

RUN_ID_SIZE = 16
COUNTER_BYTES = 5
VECTOR_LIMIT = 2**36
"""Most bytes of one vector: what AES-256-CTR may stretch from one key (SPEC 5.6)."""


def u32(number: int) -> bytes:
    """Write a number as 4 bytes, little-endian.

    Raises
    ------
    ValueError
        If it is not between 0 and 2^32 - 1.
    """
    if not 0 <= number < 2**32:
        raise ValueError("a number on the wire must be between 0 and 2^32 - 1")
    return number.to_bytes(4, "little")


def context(
    run_id: bytes,
    plan_digest: bytes,
    roster_digest: bytes,
    *,
    epoch: int,
    scheme: str,
    suite: int,
) -> bytes:
    """Name a run by all that was fixed before its first message: ctx (SPEC 4.1)."""
    if len(run_id) != RUN_ID_SIZE or {len(plan_digest), len(roster_digest)} != {DIGEST_SIZE}:
        raise ValueError("a run has a 16-byte id and 32-byte digests of plan and roster")
    return digest("ctx", run_id, plan_digest, roster_digest, u32(epoch), scheme, u32(suite))


def transcript(ctx: bytes, keys: Mapping[SiteId, bytes]) -> bytes:
    """Name a run together with everybody's fresh public key: T (SPEC 4.4)."""
    ordered = sorted(keys.items(), key=lambda item: item[0].encode())
    return digest("transcript", ctx, *(part for item in ordered for part in item))


def step_digest(
    transcript: bytes, *, step: int, kind: str, width: int, length: int, params: bytes
) -> bytes:
    """Name one question to all sites: sd (SPEC 5.4).

    `length` is the number of words, lanes included, each of `width` bits.

    Raises
    ------
    ValueError
        If the vector is empty or longer than one key may mask.
    """
    if width not in (64, 128) or not 1 <= length * width // 8 <= VECTOR_LIMIT:
        raise ValueError("a vector has 1 to 2^36 bytes, in words of 64 or 128 bits")
    return digest("step", transcript, u32(step), kind, u32(width), u32(length), params)


def counter(sd: bytes) -> int:
    """Read the number that every site adds once, so that a mixed question shows: c (SPEC 3.3)."""
    return int.from_bytes(sd[:COUNTER_BYTES], "little")


def first_chain(transcript: bytes) -> bytes:
    """Begin the chain of results, before any trip is closed (SPEC 5.2)."""
    return digest("chain", transcript)


def next_chain(chain: bytes, result_digest: bytes) -> bytes:
    """Add one closed trip's result to the chain (SPEC 5.2)."""
    return digest("chain", chain, result_digest)


def parameters(chain: bytes, key: Sequence[int | str] = ()) -> bytes:
    """Join the chain and what tells a step from its likes: params (SPEC 5.3).

    No float may enter: two mathematics libraries that differ in the last bit would then hold
    different keys, and the run would be lost.

    Raises
    ------
    ValueError
        If the chain has another size than a digest, or the key holds anything but whole
        numbers and text.
    """
    if len(chain) != DIGEST_SIZE:
        raise ValueError("the chain of results has 32 bytes")
    if any(isinstance(part, bool) or not isinstance(part, int | str) for part in key):
        raise ValueError("a step's key holds whole numbers and text only, never a float")
    return chain + canonical_json(list(key))
