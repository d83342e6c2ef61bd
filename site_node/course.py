"""The course of a run at this hospital, as the ledger tells it.

Writes the bodies of the ledger's lines and reads them back, so that a node resumes from them and
the file of keys alone. Nothing here writes to disk.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from protocol import PROGRAM_VERSION
from protocol.canonical import digest, lp
from protocol.errors import FederationError
from protocol.governance.roster import Roster
from protocol.party import Known, begin
from protocol.plan.read import read_canonical
from protocol.requests import Done, OpenRun
from protocol.secagg.messages import KeyShare, Reply, Result, Run, Trip
from protocol.secagg.result import Checked
from protocol.secagg.setup import agree
from protocol.secagg.site import Advertised, Answer, Keyed, receive_keys
from protocol.secagg.total import read
from protocol.secagg.transcript import first_chain, next_chain
from protocol.wire import codec
from site_node.keys import RunKeys
from site_node.ledger import Entry, Kind, LedgerError, Line

SHOWN = 8
"""Digits of a run's name that people see."""


class ForgottenError(FederationError):
    """What is asked for was deleted with its study."""

    code = "forgotten"
    fix = "nothing is wrong: what a hospital forgot cannot be sent again"


@dataclass(frozen=True, eq=False)
class Opening:
    """How a run began: the request as it came, and what this hospital answered.

    `snapshot` names the files of the hospital's rows (`Snapshot.digest`).
    """

    request: bytes
    asked: OpenRun
    run: Run
    share: KeyShare
    snapshot: bytes
    since: datetime

    @property
    def entry(self) -> Entry:
        """The line that the ledger gets."""
        body = lp(self.request, codec.encode_reply(self.share), self.snapshot)
        return Entry(Kind.OPENED, self.run.ctx, 0, body)

    @property
    def name(self) -> str:
        """What people see of the run's id."""
        return self.asked.run_id.hex()[:SHOWN]


@dataclass(frozen=True, eq=False)
class Course:
    """A run and how far it has come here.

    `state` is None where the fresh secret is gone and no keys were agreed on; a `Keyed` without
    pairs can repeat its answers and make no new one. `known` is None before the keys, and where
    another version of the program began the run. `done` is the last word of a run that is over.
    """

    opening: Opening
    latest: datetime
    state: Advertised | Keyed | None
    shares: tuple[KeyShare, ...] = ()
    known: Known | None = None
    results: tuple[Result, ...] = ()
    done: Done | None = None

    @property
    def ctx(self) -> bytes:
        """The digest that stands for the run everywhere."""
        return self.opening.run.ctx

    @property
    def trips(self) -> int:
        """How many trips this hospital has answered."""
        return len(self.state.record) if isinstance(self.state, Keyed) else 0


def run_of(asked: OpenRun) -> Run:
    """Say which run a request opens. Its rosters and signature are checked elsewhere.

    Raises
    ------
    RosterError, RunError
        If the last roster is none, or the scheme or suite is not this version's.
    """
    roster = Roster.from_bytes(asked.rosters[-1].payload)
    plan = digest("plan", asked.plan)
    return Run(asked.run_id, plan, roster, asked.epoch, asked.scheme, asked.suite)


def keyed_entry(ctx: bytes, shares: Sequence[KeyShare]) -> Entry:
    """Write all fresh keys of a run: the one set that this hospital accepts."""
    return Entry(Kind.KEYED, ctx, 0, codec.encode_shares(shares))


def release_entry(ctx: bytes, trip: Trip, reply: Reply, commitments: Sequence[bytes]) -> Entry:
    """Write a request and what is sent for it, with a commitment to each hidden vector."""
    said = lp(codec.encode_trip(trip), codec.encode_reply(reply), *commitments)
    return Entry(Kind.RELEASE, ctx, trip.trip, said)


def result_entry(ctx: bytes, checked: Checked) -> Entry:
    """Write a result, with the sums as they were added up here."""
    body = lp(codec.encode_result(checked.result), *checked.words)
    return Entry(Kind.RESULT, ctx, checked.result.trip, body)


def closed_entry(done: Done, reason: str) -> Entry:
    """Write that a run is over and its keys are gone."""
    return Entry(Kind.CLOSED, done.ctx, 0, lp(codec.encode_reply(done), reason))


def read_course(
    lines: Sequence[Line], identity_seed: bytes, keys: RunKeys | None
) -> tuple[Course, RunKeys | None]:
    """Rebuild a run from its lines and its keys; also says what its file of keys should hold.

    The two differ where the node died between the ledger and the file.

    Raises
    ------
    LedgerError
        If the lines tell no run, or one that was forgotten.
    """
    opened, *_ = _of(lines, Kind.OPENED)
    opening = read_opening(opened)
    course = Course(opening, lines[-1].moment, _advertised(opening, identity_seed, keys))
    if keyed := _of(lines, Kind.KEYED):
        course, keys = _keyed(course, codec.decode_shares(_body(keyed[0])), identity_seed, keys)
        course = _answered(course, _of(lines, Kind.RELEASE), _of(lines, Kind.RESULT))
    if closed := _of(lines, Kind.CLOSED):
        return over(course, read_done(closed[0])), None
    return replace(course, known=_known(course, _of(lines, Kind.RESULT))), keys


def read_opening(line: Line) -> Opening:
    """Read how a run began."""
    request, share, snapshot = parts_of(_body(line))
    asked, said = codec.decode_request(request), codec.decode_reply(share)
    if not isinstance(asked, OpenRun) or not isinstance(said, KeyShare):
        raise LedgerError(f"line {line.seq} of the ledger opens no run")
    return Opening(request, asked, run_of(asked), said, snapshot, line.moment)


def read_answer(line: Line) -> Answer:
    """Read a request and what was sent for it."""
    trip, said, *_ = parts_of(_body(line))
    reply = codec.decode_reply(said)
    if not isinstance(reply, Reply):
        raise LedgerError(f"line {line.seq} of the ledger answers no trip")
    return Answer(codec.decode_trip(trip), reply)


def read_done(line: Line) -> Done:
    """Read a run's last word."""
    said, _ = parts_of(_body(line))
    done = codec.decode_reply(said)
    if not isinstance(done, Done):
        raise LedgerError(f"line {line.seq} of the ledger closes no run")
    return done


def over(course: Course, done: Done) -> Course:
    """Put a run to its end: what is left of it repeats answers and makes none."""
    state = course.state
    kept = replace(state, pair_keys={}) if isinstance(state, Keyed) else None
    return replace(course, state=kept, known=None, done=done)


def parts_of(body: bytes) -> tuple[bytes, ...]:
    """Take apart what `lp` joined.

    Raises
    ------
    LedgerError
        If the lengths do not add up.
    """
    parts, at = list[bytes](), 0
    while at < len(body):
        size = int.from_bytes(body[at : at + 4], "little")
        parts.append(body[at + 4 : at + 4 + size])
        at += 4 + size
    if at != len(body):
        raise LedgerError("a line of the ledger is cut short")
    return tuple(parts)


def _of(lines: Sequence[Line], kind: Kind) -> list[Line]:
    return [line for line in lines if line.kind is kind]


def _body(line: Line) -> bytes:
    if line.body is None:
        raise ForgottenError(f"line {line.seq} of the ledger was forgotten, with its study")
    return line.body


def _advertised(opening: Opening, identity_seed: bytes, keys: RunKeys | None) -> Advertised | None:
    if keys is None or not keys.fresh:
        return None
    share = opening.share
    return Advertised(opening.run, share.site, share, identity_seed, keys.fresh)


def _keyed(
    course: Course, shares: tuple[KeyShare, ...], identity_seed: bytes, keys: RunKeys | None
) -> tuple[Course, RunKeys | None]:
    by_site = {share.site: share for share in shares}
    if isinstance(course.state, Advertised):
        # The node died before it put the pairs' keys in the place of the fresh secret.
        state = receive_keys(course.state, by_site)
        keys = RunKeys(pairs=state.pair_keys)
    else:
        view = agree(course.opening.run, by_site)
        pairs = dict(keys.pairs) if keys else {}
        site, chain = course.opening.share.site, first_chain(view.transcript)
        state = Keyed(view, site, chain, identity_seed, pairs)
    return replace(course, state=state, shares=shares), keys


def _answered(course: Course, releases: Sequence[Line], results: Sequence[Line]) -> Course:
    state = course.state
    if not isinstance(state, Keyed):
        raise LedgerError("the ledger holds answers of a run without keys")
    found = tuple(_result(line)[0] for line in results)
    chain = state.chain
    for result in found:
        chain = next_chain(chain, result.digest)
    record = tuple(read_answer(line) for line in releases)
    whole = replace(state, chain=chain, closed=len(found), record=record)
    return replace(course, state=whole, results=found)


def _result(line: Line) -> tuple[Result, tuple[bytes, ...]]:
    result, *words = parts_of(_body(line))
    return codec.decode_result(result), tuple(words)


def _known(course: Course, results: Sequence[Line]) -> Known | None:
    """Read the sums again, and learn from them what was learnt; they were added up before."""
    asked, state = course.opening.asked, course.state
    if not isinstance(state, Keyed) or asked.program != PROGRAM_VERSION:
        return None
    known = begin(read_canonical(asked.plan), state.view)
    for result, words in map(_result, results):
        totals = tuple(
            read(state.view, block, np.frombuffer(sums, dtype="<u8")) if sums else None
            for block, sums in zip(known.blocks, words, strict=True)
        )
        known = known.after(Checked(result, totals, words))
    return known
