"""Commitments to what was put in, so that an audit at the hospital can open them later."""

from protocol.canonical import digest
from protocol.party import Hospital
from protocol.secagg.block import pack
from protocol.secagg.messages import Contribution


def input_commitments(hospital: Hospital, own: tuple[Contribution, ...]) -> tuple[bytes, ...]:
    """Commit to each block's numbers: H("input", salt, words), 32 bytes each.

    The salt is derived from the hospital's secret, the run and the step, so that nobody can guess
    numbers against the commitment, and the hospital needs to keep nothing to open it.
    """
    view, cohort, blocks = hospital.known.view, hospital.cohort, hospital.known.blocks
    found = []
    for block, numbers in zip(blocks, own, strict=True):
        sd = block.digest(view.transcript)
        words = pack(block, sd, len(view.sites), numbers).astype("<u8").tobytes()
        found.append(digest("input", cohort.keyed("input", view.run.ctx, sd), words))
    return tuple(found)
