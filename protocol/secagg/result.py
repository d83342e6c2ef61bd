"""A trip's result, checked by whoever holds the uploads (SPEC 6.1 to 6.3)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from protocol.canonical import DIGEST_SIZE
from protocol.ids import SiteId
from protocol.secagg.block import SumError, Total
from protocol.secagg.encoding import Words
from protocol.secagg.messages import (
    Block,
    MaskedVector,
    Result,
    Statement,
    StepResult,
    View,
    total_digest,
)
from protocol.secagg.total import Added, add_up, read


@dataclass(frozen=True)
class Checked:
    """A result whose uploads were added up here: what `recompute` gives after all checks.

    `totals` has one entry for each step, None where the plan withholds the total from sites.
    `words` are the sums before they are read, little-endian, empty where withheld: who keeps them
    need not add again (`total.read`).
    """

    result: Result
    totals: tuple[Total | None, ...]
    words: tuple[bytes, ...] = ()


def recompute(
    view: View,
    blocks: Sequence[Block],
    vectors: Mapping[int, Mapping[SiteId, MaskedVector]],
    result: Result,
    withheld: Collection[int] = (),
) -> Checked:
    """Add all uploads of a trip again and compare with its result. Run by everyone.

    Parameters
    ----------
    blocks
        The trip's questions, as whoever checks computed them.
    vectors
        All sites' uploads by step number; not needed for withheld steps.
    withheld
        Steps whose total the plan keeps from the sites: only signatures are checked, and no
        later question may build on them.

    Raises
    ------
    RunError, SignatureError
        If the result is not this run's coordinator's, or an upload not its site's.
    SumError
        If steps, sites, uploads, totals or statements differ from the result.
    """
    result.verify(view)
    asked = [(block.step, block.digest(view.transcript)) for block in blocks]
    if asked != [(step.step, step.sd) for step in result.steps]:
        raise SumError(f"trip {result.trip}: the result is one of other questions")
    check_statements(view, result.trip, result.statements)
    totals: list[Total | None] = []
    sums: list[bytes] = []
    for block, step in zip(blocks, result.steps, strict=True):
        if step.step in withheld:
            _check_listed(view, step)
            totals.append(None)
            sums.append(b"")
        else:
            words = _added(view, block, vectors.get(block.step, {}), step)
            totals.append(read(view, block, words))
            sums.append(words.astype("<u8").tobytes())
    return Checked(result, tuple(totals), tuple(sums))


def check_statements(view: View, trip: int, statements: Sequence[Statement]) -> None:
    """See that statements are signed, of this trip, at most one a site, in the ids' order.

    Raises
    ------
    SumError, SignatureError
        If they are not.
    """
    sites = [statement.site for statement in statements]
    if sites != [site for site in view.sites if site in sites]:
        raise SumError(f"trip {trip}: the statements are not one a site, in order")
    for statement in statements:
        if statement.trip != trip:
            raise SumError(f"trip {trip}: {statement.site}'s statement is another trip's")
        statement.verify(view)


def _added(
    view: View, block: Block, vectors: Mapping[SiteId, MaskedVector], step: StepResult
) -> Words:
    added: Added = add_up(view, block, vectors.values())
    if added.uploads != step.uploads:
        raise SumError(f"step {step.step}: the result lists other uploads than these")
    if total_digest(added.words.astype("<u8").tobytes()) != step.total_digest:
        raise SumError(f"step {step.step}: the published total is not the sum of the uploads")
    return added.words


def _check_listed(view: View, step: StepResult) -> None:
    """Check a withheld step as far as a site can: every site's signature over its upload."""
    if tuple(upload.site for upload in step.uploads) != view.sites:
        raise SumError(f"step {step.step}: the uploads are not exactly the roster's")
    if len(step.total_digest) != DIGEST_SIZE:
        raise SumError(f"step {step.step}: the digest of the withheld total is not one")
    for upload in step.uploads:
        upload.verify(view, step.step, step.sd)
