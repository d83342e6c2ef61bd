"""One block as a vector: the protocol's own lanes, then the fields of the layout (SPEC 3.3).

The lanes are raw integers, also in 128-bit blocks. They show that all masks cancelled, how many
patients stand behind a sum, and at how many sites a soft rule fired.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol.errors import Exit, FederationError
from protocol.layout import Field, count
from protocol.secagg.encoding import Words, check_capacity, decode, encode
from protocol.secagg.messages import Block, Contribution
from protocol.secagg.transcript import COUNTER_BYTES, counter

PATIENTS_LIMIT = 2**32
"""Most patients of one site; far above any, it only keeps the lane from overflowing."""

ONE = count("one", (), "1, summing to the number of sites", 1, "sites")
COUNTER = count("counter", (), "40 bits of the step digest", 2 ** (8 * COUNTER_BYTES) - 1, "")
PATIENTS = count("patients", (), "patients behind this site's numbers", PATIENTS_LIMIT)
FLAG = count("flag", (), "1 if a soft local rule fired", 1, "sites")


class SumError(FederationError):
    """The uploads do not add up to a sum that honest sites could have made."""

    code = "sum-refused"
    exit = Exit.TAMPERING
    fix = (
        "nothing was learnt: compare transcript digest and chain of results between the sites, "
        "then start a new run"
    )


@dataclass(frozen=True)
class Total:
    """A block's sum over all sites, opened: int64 for counts, float64 for reals."""

    sums: dict[str, NDArray[Any]]
    patients: int
    flags: int
    sites: int


def pack(block: Block, sd: bytes, sites: int, own: Contribution) -> Words:
    """Write one site's numbers as words, lanes first. Run by a site.

    Raises
    ------
    ReleaseError, EncodingError
        If the release does not fit the layout.
    CapacityError
        If the sum over `sites` sites could overflow.
    """
    if block.lock and (own.patients or own.flag):
        raise ValueError("a lock block carries no patient data")
    lanes = [(ONE, 1), (COUNTER, counter(sd)), (PATIENTS, own.patients), (FLAG, own.flag)]
    cells = [(field, np.asarray(value)) for field, value in lanes[: block.lanes]]
    cells += block.layout.arranged(own.release)
    for field, _ in cells:
        check_capacity(field, sites)
    return np.concatenate([encode(field, values, block.width) for field, values in cells])


def unpack(block: Block, sd: bytes, sites: int, words: Words) -> Total:
    """Read the sum over all sites, if it is one. Run by everyone (SPEC 6.4).

    Garbage passes all bounds with a probability of about (n * bound / 2^63)^L, and the first two
    lanes of any block with 2^-128.

    Raises
    ------
    SumError
        If the lanes or a bound show that the masks did not cancel.
    """
    fields = [*(ONE, COUNTER, PATIENTS, FLAG)[: block.lanes], *block.layout.fields]
    totals: list[NDArray[Any]] = []
    start = 0
    for field in fields:
        check_capacity(field, sites)
        end = start + field.numbers * block.width // 64
        total = decode(field, words[start:end], block.width, sites)
        if total is None:
            raise SumError(f"step {block.step}: {field.name} is outside what {sites} sites can add")
        totals.append(total)
        start = end
    _check_lanes(block, sd, sites, totals)
    patients, flags = (0, 0) if block.lock else (int(totals[2][0]), int(totals[3][0]))
    return Total(_named(block, totals[block.lanes :]), patients, flags, sites)


def _check_lanes(block: Block, sd: bytes, sites: int, totals: list[NDArray[Any]]) -> None:
    if int(totals[0][0]) != sites:
        raise SumError(f"step {block.step}: the first lane does not count {sites} sites")
    if int(totals[1][0]) != sites * counter(sd):
        raise SumError(f"step {block.step}: the sites did not all answer the same question")


def _named(block: Block, totals: list[NDArray[Any]]) -> dict[str, NDArray[Any]]:
    fields: tuple[Field, ...] = block.layout.fields
    return {f.name: t.reshape(f.shape) for f, t in zip(fields, totals, strict=True)}
