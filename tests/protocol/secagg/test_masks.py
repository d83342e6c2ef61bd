from itertools import combinations, product
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.canonical import digest
from protocol.ids import SiteId
from protocol.secagg.encoding import Words
from protocol.secagg.masks import CHUNK_BYTES, add, add_masks, mask_key, mask_words, subtract
from protocol.secagg.transcript import step_digest

ids = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,8}", fullmatch=True).map(SiteId)
widths = st.sampled_from([64, 128])
SD = digest("step", "of a test")


def pair(one: SiteId, other: SiteId) -> bytes:
    return digest("pair", *sorted((one, other)))


def masked(sites: list[SiteId], inputs: list[Words], width: int) -> list[Words]:
    return [
        add_masks(words, width, site, {j: pair(site, j) for j in sites if j != site}, SD)
        for site, words in zip(sites, inputs, strict=True)
    ]


def total(vectors: list[Words], width: int) -> Words:
    out = np.zeros_like(vectors[0])
    for vector in vectors:
        add(out, vector, width)
    return out


def inputs_for(sites: list[SiteId], length: int, width: int, seed: int) -> list[Words]:
    generator = np.random.default_rng(seed)
    size = length * width // 64
    return [generator.integers(0, 2**64, size, dtype=np.uint64) for _ in sites]


@given(
    st.lists(ids, min_size=1, max_size=8, unique=True),
    st.integers(1, 70),
    widths,
    st.integers(0, 2**32),
    st.randoms(use_true_random=False),
)
@settings(max_examples=75, deadline=None)
def test_masks_cancel_in_any_order(
    sites: list[SiteId], length: int, width: int, seed: int, shuffle: Random
) -> None:
    inputs = inputs_for(sites, length, width, seed)
    vectors = masked(sites, inputs, width)
    shuffle.shuffle(vectors)
    np.testing.assert_array_equal(total(vectors, width), total(inputs, width))


@pytest.mark.parametrize("extra", [-1, 0, 1])
@pytest.mark.parametrize("width", [64, 128])
def test_masks_cancel_across_a_chunk_edge(extra: int, width: int) -> None:
    sites = [SiteId(name) for name in ("a", "b", "c")]
    inputs = inputs_for(sites, CHUNK_BYTES * 8 // width + extra, width, 0)
    vectors = masked(sites, inputs, width)
    np.testing.assert_array_equal(total(vectors, width), total(inputs, width))


def test_a_stream_is_one_stream_whatever_the_chunks() -> None:
    key = digest("key")
    long = mask_words(key, 2 * CHUNK_BYTES // 8 + 3)
    np.testing.assert_array_equal(mask_words(key, 5), long[:5])
    edge = CHUNK_BYTES // 8
    assert len(np.unique(long[edge - 100 : edge + 100])) == 200


@given(
    st.lists(st.integers(0, 2**128 - 1), min_size=1, max_size=10),
    st.randoms(use_true_random=False),
)
@settings(max_examples=75, deadline=None)
def test_wide_words_add_and_subtract_as_integers(numbers: list[int], other: Random) -> None:
    others = [other.getrandbits(128) for _ in numbers]
    for combine, sign in ((add, 1), (subtract, -1)):
        words = _words(numbers)
        combine(words, _words(others), 128)
        expected = [(a + sign * b) % 2**128 for a, b in zip(numbers, others, strict=True)]
        np.testing.assert_array_equal(words, _words(expected))


def test_every_upload_looks_uniform() -> None:
    """Chi-square over the bytes of a million words, 255 degrees of freedom: all-zero data."""
    sites = [SiteId(name) for name in ("a", "b", "c")]
    zeros = [np.zeros(10**6, dtype=np.uint64) for _ in sites]
    for vector in masked(sites, zeros, 64):
        seen = np.bincount(np.frombuffer(vector.tobytes(), dtype=np.uint8), minlength=256)
        expected = seen.sum() / 256
        chi_square = float(((seen - expected) ** 2 / expected).sum())
        # P below 10^-6 at either end; the words are fixed, so this passes always or never.
        assert 160 < chi_square < 372


def test_two_honest_sites_stay_hidden_from_all_others() -> None:
    """Five of seven sites open their keys: what is left of an upload still looks uniform."""
    sites = [SiteId(f"s{k}") for k in range(7)]
    honest = sites[:2]
    zeros = np.zeros(10**5, dtype=np.uint64)
    keys = {j: pair(honest[0], j) for j in sites[1:]}
    upload = add_masks(zeros, 64, honest[0], keys, SD)
    known = add_masks(zeros, 64, honest[0], {j: keys[j] for j in sites[2:]}, SD)
    left = upload - known
    seen = np.bincount(np.frombuffer(left.tobytes(), dtype=np.uint8), minlength=256)
    expected = seen.sum() / 256
    assert 160 < float(((seen - expected) ** 2 / expected).sum()) < 372


def test_no_two_keystreams_repeat() -> None:
    """Whatever differs between two masks of a run, or of two runs: their first words differ."""
    sites = [SiteId(f"s{k}") for k in range(5)]
    runs = [digest("run", str(k)) for k in range(2)]
    chains = [digest("chain", str(k)) for k in range(2)]
    digests = [
        step_digest(run, step=step, kind=kind, width=width, length=length, params=chain)
        for run, step, kind, width, length, chain in product(
            runs, (1, 2), ("a/1", "b/1"), (64, 128), (4, 5), chains
        )
    ]
    streams = [
        mask_words(mask_key(pair(one, other), sd, one, other), 2).tobytes()
        for sd in digests
        for one, other in combinations(sites, 2)
    ]
    assert len(set(streams)) == len(streams) == 64 * 10


def test_both_ends_of_a_pair_stretch_one_key() -> None:
    one, other = SiteId("s10"), SiteId("s9")
    assert mask_key(digest("k"), SD, one, other) == mask_key(digest("k"), SD, other, one)


@pytest.mark.parametrize(("key", "sd"), [(bytes(31), SD), (bytes(32), SD[:31]), (b"", SD)])
def test_short_keys_and_digests_are_refused(key: bytes, sd: bytes) -> None:
    with pytest.raises(ValueError, match="wrong key or digest size"):
        mask_key(key, sd, SiteId("a"), SiteId("b"))


def _words(numbers: list[int]) -> Words:
    data = b"".join(number.to_bytes(16, "little") for number in numbers)
    return np.frombuffer(data, dtype=np.uint64).copy()
