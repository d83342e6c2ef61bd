"""Cases of numbers in words, masks on them, and what a sum of uploads opens to."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from protocol.ids import SiteId
from protocol.secagg import keys, masks
from protocol.secagg.block import unpack
from protocol.secagg.encoding import Words, check_capacity, decode, encode
from protocol.secagg.messages import MaskedVector, View
from protocol.secagg.total import open_total
from tests.vectors.first.given import (
    Given,
    block_of,
    cells_of,
    field_of,
    raw,
    run_of,
    sd_of,
    shown,
    words_of,
)


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
        uploads[site] = masks.add_masks(words, given["width"], site, pairs, sd_of(given))
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


def _sum(vectors: Sequence[Words], width: int) -> Words:
    total = np.zeros_like(vectors[0])
    for vector in vectors:
        masks.add(total, vector, width)
    return total


def _integers(words: Words, width: int) -> list[int]:
    data, size = words.tobytes(), width // 8
    return [int.from_bytes(data[i : i + size], "little") for i in range(0, len(data), size)]
