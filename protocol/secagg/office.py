"""The coordinator's two moves: open a trip, close it with a result (SPEC 5.1, 6.1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from protocol.governance.identity import sign
from protocol.ids import SiteId
from protocol.secagg.block import SumError, Total
from protocol.secagg.messages import (
    Block,
    MaskedVector,
    Reply,
    Result,
    StepResult,
    Trip,
    View,
    total_digest,
)
from protocol.secagg.result import check_statements
from protocol.secagg.total import add_up, read

SALT_SIZE = 32


@dataclass(frozen=True)
class Opened:
    """A closed trip as the coordinator knows it: totals of all steps, and the signed result."""

    totals: tuple[Total, ...]
    result: Result


def open_trip(
    view: View,
    coordinator_seed: bytes,
    trip: int,
    blocks: Sequence[Block],
    *,
    chain: bytes,
    deadline: str,
) -> Trip:
    """Sign a request. It names steps and results so far; parameters are the sites' to compute."""
    steps = tuple((block.step, block.kind) for block in blocks)
    unsigned = Trip(view.run.ctx, view.transcript, trip, steps, chain, deadline)
    return replace(unsigned, signature=sign(coordinator_seed, *unsigned.signed))


def close_trip(
    view: View,
    coordinator_seed: bytes,
    trip: int,
    blocks: Sequence[Block],
    replies: Mapping[SiteId, Reply],
    *,
    salts: Mapping[int, bytes] | None = None,
) -> Opened:
    """Add up all replies and sign the result. Nothing opens before all sites have answered.

    Parameters
    ----------
    salts
        32 fresh random bytes for each step whose total the plan withholds from the sites.

    Raises
    ------
    SumError, SignatureError
        If a site is missing, answered in part or another question, or the sum is none.
    """
    columns = by_step(view, trip, blocks, replies)
    steps, totals = [], []
    for block in blocks:
        added = add_up(view, block, columns[block.step].values())
        totals.append(read(view, block, added.words))
        salt = (salts or {}).get(block.step, b"")
        if len(salt) not in (0, SALT_SIZE):
            raise ValueError("a withheld total is salted with 32 bytes")
        shown = total_digest(added.words.astype("<u8").tobytes(), salt)
        steps.append(StepResult(block.step, block.digest(view.transcript), shown, added.uploads))
    said = [replies[site].statement for site in view.sites]
    statements = tuple(statement for statement in said if statement is not None)
    check_statements(view, trip, statements)
    unsigned = Result(view.run.ctx, view.transcript, trip, tuple(steps), statements)
    result = replace(unsigned, signature=sign(coordinator_seed, *unsigned.signed))
    return Opened(tuple(totals), result)


def by_step(
    view: View, trip: int, blocks: Sequence[Block], replies: Mapping[SiteId, Reply]
) -> dict[int, dict[SiteId, MaskedVector]]:
    """Turn replies by site into uploads by step.

    Raises
    ------
    SumError
        If the sites are not exactly the roster's, or a reply is not whole.
    """
    if replies.keys() != set(view.sites):
        odd = ", ".join(sorted(replies.keys() ^ set(view.sites)))
        raise SumError(f"trip {trip}: the replies differ from the roster at {odd}")
    numbers = [block.step for block in blocks]
    for site, reply in replies.items():
        vectors = [(vector.site, vector.step) for vector in reply.vectors]
        if (reply.site, reply.trip) != (site, trip) or vectors != [(site, k) for k in numbers]:
            raise SumError(f"trip {trip}: {site}'s reply is not its whole answer to this trip")
    return {
        number: {site: replies[site].vectors[place] for site in view.sites}
        for place, number in enumerate(numbers)
    }
