"""From masked vectors to their sum: the same function for coordinator, sites and auditors.

That each site adds all vectors up again before it computes anything from a total is what keeps a
coordinator from choosing, by a false sum, what is asked next (SPEC 6.3).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from protocol.ids import SiteId
from protocol.secagg.block import SumError, Total, unpack
from protocol.secagg.encoding import Words
from protocol.secagg.masks import add
from protocol.secagg.messages import Block, MaskedVector, Upload, View


@dataclass(frozen=True)
class Added:
    """The sum of all sites' vectors, before anything is read from it."""

    words: Words
    uploads: tuple[Upload, ...]


def open_total(view: View, block: Block, vectors: Mapping[SiteId, MaskedVector]) -> Total:
    """Add all sites' vectors and read the sum. Run by everyone (SPEC 6.3, 6.4).

    Raises
    ------
    SumError
        If a site is missing, unknown or mixed up, answered another question, or if the sum is
        none that honest sites could have made.
    SignatureError
        If a vector is not signed by its site for this step of this run.
    """
    for site, vector in vectors.items():
        if vector.site != site:
            raise SumError(f"step {block.step}: {vector.site}'s vector was delivered as {site}'s")
    return read(view, block, add_up(view, block, vectors.values()).words)


def add_up(view: View, block: Block, arrivals: Iterable[MaskedVector]) -> Added:
    """Add vectors as they arrive, in any order, holding one at a time beside the sum.

    Raises
    ------
    SumError, SignatureError
        As for `open_total`.
    """
    sd = block.digest(view.transcript)
    total = np.zeros(block.length * block.width // 64, dtype=np.uint64)
    uploads: dict[SiteId, Upload] = {}
    for vector in arrivals:
        if vector.site in uploads:
            raise SumError(f"step {block.step}: {vector.site} is there twice")
        words = _checked(view, block, sd, vector)
        uploads[vector.site] = vector.upload
        add(total, words, block.width)
    if uploads.keys() != set(view.sites):
        missing = ", ".join(sorted(set(view.sites) - uploads.keys()))
        raise SumError(f"step {block.step}: no vector from {missing}")
    return Added(total, tuple(uploads[site] for site in view.sites))


def read(view: View, block: Block, words: Words) -> Total:
    """Check lanes and bounds of a sum, and decode it (SPEC 6.4).

    Raises
    ------
    SumError
        If they show that the masks did not cancel.
    """
    return unpack(block, block.digest(view.transcript), len(view.sites), words)


def _checked(view: View, block: Block, sd: bytes, vector: MaskedVector) -> Words:
    if vector.site not in view.sites:
        raise SumError(f"step {block.step}: {vector.site} is not in the roster")
    if (vector.step, vector.sd) != (block.step, sd):
        raise SumError(f"step {block.step}: {vector.site} answered another question")
    if len(vector.words) != block.length * block.width // 8:
        raise SumError(f"step {block.step}: {vector.site}'s vector has another length")
    vector.upload.verify(view, block.step, sd)
    return np.frombuffer(vector.words, dtype="<u8")
