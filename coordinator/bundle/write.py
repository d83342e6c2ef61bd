"""Writes a run as one file: all that was signed, all opened sums, and what was made of them.

Vectors and sums are raw little-endian words, everything else canonical JSON or a finished file. A
trip is held at a time, so a bundle may be larger than memory.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from coordinator.bundle import names
from coordinator.bundle.closing import closing_files
from coordinator.bundle.crate import Listed, crate
from coordinator.bundle.for_readers import ReadersForm
from coordinator.bundle.listing import Listing
from coordinator.bundle.plain import plain, written
from coordinator.bundle.readme import readme
from coordinator.bundle.software import software
from coordinator.bundle.zipped import writing
from coordinator.report.page import REPORT
from coordinator.report.tidy import TABLES
from coordinator.results import RESULTS
from protocol.canonical import Json, canonical_json
from protocol.governance.chain import roster_file
from protocol.requests import OpenRun
from protocol.run import Asked, Kept, Played, Proof
from protocol.secagg.encoding import Words
from protocol.secagg.masks import add


@dataclass(frozen=True)
class Beside:
    """What goes into a bundle and is no part of the run itself.

    `notice` is the sentence in the report's banner. `federation` is the file that says whose
    signatures count; a simulation has none. `approvals` holds hospitals' signed answers about
    the plan by member (`coordinator.bundle.approvals`).
    """

    notice: str = ""
    federation: bytes = b""
    approvals: Mapping[str, bytes] = field(default_factory=dict)


NOTHING_BESIDE = Beside()


def write_bundle(
    path: Path,
    played: Played,
    files: Path,
    beside: Beside = NOTHING_BESIDE,
    published: Path | None = None,
) -> tuple[Listed, ...]:
    """Write the bundle of a played study; equal inputs give equal bytes. Returns its members.

    Parameters
    ----------
    files
        The folder where the run's results, tables and report were just written.
    published
        The folder where the edition for publication was just written. With it the readers' form
        is made too: a member of the bundle, and `reader.zip` beside it.

    Raises
    ------
    ValueError
        If the run was played without keeping what proves it.
    """
    if (proof := played.proof) is None:
        raise ValueError("this run was played without its proof")
    listed, readers = Listing(), ReadersForm(played, proof)
    with writing(path) as file:
        for name, body in _members(played, proof, files, beside):
            listed.put(file, name, body)
            readers.see(name, body)
        if published is not None:
            inner = readers.written(published, beside.notice)
            path.with_name(names.READER).write_bytes(inner)
            listed.put(file, names.READER, inner)
            listed.put(file, names.READER_SALTS, readers.salts_file())
        listed.put(file, names.CRATE, crate(played, proof.day, listed.members))
        listed.put(file, names.README, readme(played, readers=published is not None))
        listed.seal(file, played, proof, names.SCHEMA, beside.notice)
    return tuple(listed.members)


def _members(
    played: Played, proof: Proof, files: Path, beside: Beside
) -> Iterator[tuple[str, bytes]]:
    """Give all members but those that list the others."""
    yield names.PLAN, proof.opened.plan
    yield names.OPENED, opening(proof.opened)
    yield names.KEYS, written(proof.shares)
    for version, roster in enumerate(proof.opened.rosters, 1):
        yield names.roster(version), roster_file(roster)
    if beside.federation:
        yield names.FEDERATION, beside.federation
    yield from beside.approvals.items()
    yield from closing_files(proof.done, proof.unlocked)
    yield names.SOFTWARE, canonical_json(software())
    yield names.INDEX, canonical_json([_index(step) for step in played.asked])
    for number, kept in enumerate(proof.trips(), 1):
        yield from _trip(kept, [step for step in played.asked if step.trip == number])
    for name in (RESULTS, REPORT, *TABLES):
        yield f"results/{name}", (files / name).read_bytes()


def opening(opened: OpenRun) -> bytes:
    """Write how a run was opened; plan and rosters are members of their own."""
    fixed: dict[str, Json] = {
        "run_id": opened.run_id.hex(),
        "epoch": opened.epoch,
        "scheme": opened.scheme,
        "suite": opened.suite,
        "program": opened.program,
        "consents": plain(opened.consents),
        "seal": opened.seal.hex(),
        "signature": opened.signature.hex(),
    }
    return canonical_json(fixed)


def _index(step: Asked) -> Json:
    """Say how a step's sum is read: which numbers, in which order, of how many bits."""
    block = step.block
    fields: list[Json] = [
        {"name": f.name, "shape": list(f.shape), "kind": f.kind, "what": f.what}
        for f in block.layout.fields
    ]
    return {
        "member": names.total(block.step),
        "trip": step.trip,
        "step": block.step,
        "kind": step.name,
        "key": list(step.key),
        "width": block.width,
        "lanes": block.lanes,
        "fields": fields,
    }


def _trip(kept: Kept, steps: Sequence[Asked]) -> Iterator[tuple[str, bytes]]:
    number = kept.request.trip
    yield names.trip(number, "request"), written(kept.request)
    yield names.trip(number, "result"), written(kept.result)
    if kept.salts:
        yield names.trip(number, "salts"), written(kept.salts)
    for place, asked in enumerate(steps):
        step, total = asked.block.step, np.zeros(0, dtype=np.uint64)
        for site, reply in sorted(kept.replies.items()):
            words = reply.vectors[place].words
            yield names.vector(step, site), words
            total = _added(total, words, asked.block.width)
        yield names.total(step), total.astype("<u8").tobytes()


def _added(total: Words, words: bytes, width: int) -> Words:
    more = np.frombuffer(words, dtype="<u8")
    if not len(total):
        return more.astype(np.uint64)
    add(total, more, width)
    return total
