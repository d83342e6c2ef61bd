"""A hospital's progress through a run: each state a type, each move a function to the next.

Nothing is stored here. A ledger that writes each state down before the reply leaves makes the
same moves safe across a crash (SPEC 5.8).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from protocol.errors import Exit, FederationError
from protocol.governance.identity import identity_public, sign
from protocol.governance.roster import RosterError
from protocol.ids import SiteId
from protocol.layout import Release
from protocol.secagg.block import pack
from protocol.secagg.keys import KeyExchangeError, ephemeral_public, pair_key
from protocol.secagg.masks import add_masks
from protocol.secagg.messages import (
    Block,
    Contribution,
    KeyShare,
    MaskedVector,
    Reply,
    Run,
    Statement,
    Trip,
    Upload,
    View,
)
from protocol.secagg.result import Checked
from protocol.secagg.setup import agree
from protocol.secagg.transcript import first_chain, next_chain

FIRST_STEP = 1
FIRST_TRIP = 1


class TripError(FederationError):
    """A request does not follow from what this site has answered and re-added."""

    code = "trip-order"
    exit = Exit.TAMPERING
    fix = "let coordinator and site compare their chains of results; start a new run if they differ"


class EquivocationError(FederationError):
    """One trip or step was asked twice, differently.

    `state` is the site's state with the two requests kept as evidence.
    """

    code = "equivocation"
    exit = Exit.TAMPERING
    fix = "keep the evidence, stop the run, and ask the coordinating centre for the reason"

    def __init__(self, message: str, state: "Keyed") -> None:
        super().__init__(message)
        self.state = state


@dataclass(frozen=True)
class Advertised:
    """The site has made its fresh key and waits for the others'."""

    run: Run
    site: SiteId
    share: KeyShare
    identity_seed: bytes = field(repr=False)
    ephemeral_seed: bytes = field(repr=False)


@dataclass(frozen=True)
class Answer:
    """A request and what was sent for it: the only bytes that ever leave for these steps."""

    trip: Trip
    reply: Reply


@dataclass(frozen=True)
class Keyed:
    """The site shares a key with every other site. The ephemeral secret is gone.

    `chain` and `closed` say which results it has re-added itself; `record` holds every answer,
    in trip order.
    """

    view: View
    site: SiteId
    chain: bytes
    identity_seed: bytes = field(repr=False)
    pair_keys: Mapping[SiteId, bytes] = field(repr=False)
    closed: int = 0
    record: tuple[Answer, ...] = ()
    evidence: tuple[tuple[Trip, Trip], ...] = ()


@dataclass(frozen=True)
class Closed:
    """The run is over at this site: keys are gone, answers and evidence stay (SPEC 6.6)."""

    view: View
    site: SiteId
    chain: bytes
    record: tuple[Answer, ...]
    evidence: tuple[tuple[Trip, Trip], ...]


def advertise(
    run: Run, site: SiteId, identity_seed: bytes, ephemeral_seed: bytes
) -> tuple[Advertised, KeyShare]:
    """Make and sign this site's fresh key (SPEC 4.2). Run by a site.

    Pre-conditions: `ephemeral_seed` is 32 fresh random bytes, used for no other run.

    Raises
    ------
    RosterError
        If the roster does not name this site with this identity.
    """
    if run.roster.identity_of(site) != identity_public(identity_seed):
        raise RosterError(f"the roster names another identity key for {site} than it holds")
    ek = ephemeral_public(ephemeral_seed)
    unsigned = KeyShare(site, ek, b"")
    share = replace(unsigned, signature=sign(identity_seed, *unsigned.signed(run)))
    return Advertised(run, site, share, identity_seed, ephemeral_seed), share


def receive_keys(state: Advertised, shares: Mapping[SiteId, KeyShare]) -> Keyed:
    """Accept the fresh keys of all sites and derive a key with each (SPEC 4.3 to 4.5).

    Raises
    ------
    RosterError, SignatureError, KeyExchangeError
        As `agree` does, and if this site's own key came back changed.
    """
    view = agree(state.run, shares)
    if shares[state.site] != state.share:
        raise KeyExchangeError(f"{state.site}: this site's own fresh key came back changed")
    others = {site: share.ek for site, share in shares.items() if site != state.site}
    pairs = {
        site: pair_key(state.ephemeral_seed, ek, view.transcript) for site, ek in others.items()
    }
    return Keyed(view, state.site, first_chain(view.transcript), state.identity_seed, pairs)


def mask(
    keyed: Keyed, block: Block, release: Release, patients: int = 0, flag: int = 0
) -> MaskedVector:
    """Encode, mask and sign one block (SPEC 5.7, 5.8). Run by a site.

    Pre-conditions: nothing else was ever masked for this block's step in this run. Two vectors
    under one mask differ by what they hide, so call `answer`, which keeps the record.

    Raises
    ------
    ReleaseError, EncodingError, CapacityError
        As `pack` does.
    """
    sd = block.digest(keyed.view.transcript)
    own = Contribution(release, patients, flag)
    words = pack(block, sd, len(keyed.view.sites), own)
    masked = add_masks(words, block.width, keyed.site, keyed.pair_keys, sd)
    unsigned = MaskedVector(keyed.site, block.step, sd, masked.astype("<u8").tobytes(), b"")
    parts = unsigned.upload.signed(keyed.view, block.step, sd)
    return replace(unsigned, signature=sign(keyed.identity_seed, *parts))


def state_publicly(keyed: Keyed, trip: int, data: bytes) -> Statement:
    """Sign what this site says in public in one trip (SPEC 5.9). Run by a site."""
    unsigned = Statement(keyed.site, trip, data, b"")
    return replace(unsigned, signature=sign(keyed.identity_seed, *unsigned.signed(keyed.view)))


def recall(state: Keyed, trip: Trip) -> Reply | None:
    """Find the stored reply to a request, None if it is new (SPEC 5.8). Run by a site.

    The same question under a later deadline is the same question.

    Raises
    ------
    RunError, SignatureError
        If the request is not this run's coordinator's.
    EquivocationError
        If one of its steps, or the trip, was answered for another question.
    """
    trip.verify(state.view)
    steps = {step for step, _ in trip.steps}
    for answer in state.record:
        same = answer.trip
        if (same.trip, same.steps, same.chain) == (trip.trip, trip.steps, trip.chain):
            return answer.reply
        if same.trip == trip.trip or steps & {step for step, _ in same.steps}:
            raise _equivocation(state, trip, same)
    return None


def answer(
    state: Keyed,
    trip: Trip,
    blocks: Sequence[Block],
    own: Sequence[Contribution],
    statement: bytes = b"",
) -> tuple[Keyed, Reply]:
    """Answer a request, whole or not at all (SPEC 5.3 to 5.9). Run by a site.

    The same request gets the bytes sent before, whatever `own` says now.

    Parameters
    ----------
    blocks
        The questions as this site computed them itself, one for each step of the trip.
    own
        This hospital's numbers, one for each block.
    statement
        What the site says in public in this trip; empty for nothing.

    Raises
    ------
    RunError, SignatureError, EquivocationError
        As `recall` does; the last also if an answered step's parameters are others now.
    TripError
        If the request is not the next one after the results this site re-added.
    """
    sent = recall(state, trip)
    if sent is not None:
        if [v.sd for v in sent.vectors] != [b.digest(state.view.transcript) for b in blocks]:
            raise _equivocation(state, trip, trip)
        return state, sent
    require_next(state, trip, blocks)
    vectors = tuple(
        mask(state, block, mine.release, mine.patients, mine.flag)
        for block, mine in zip(blocks, own, strict=True)
    )
    said = state_publicly(state, trip.trip, statement) if statement else None
    reply = Reply(state.site, trip.trip, vectors, said)
    return replace(state, record=(*state.record, Answer(trip, reply))), reply


def require_next(state: Keyed, trip: Trip, blocks: Sequence[Block]) -> None:
    """Refuse a new request unless it is the next one, and asks these questions (SPEC 5.5).

    Looks at no patient, so that neither time nor error of a refusal says anything of them: call
    it before anything is computed from rows.

    Raises
    ------
    TripError
        If the request is not the next one after the results this site re-added.
    """
    _check_next(state, trip)
    _check_blocks(state, trip, blocks)


def accept(state: Keyed, checked: Checked) -> Keyed:
    """Close a trip by its re-added result: the next question may build on it (SPEC 6.3, 6.5).

    Raises
    ------
    TripError
        If the result is not that of the one open trip, or lacks what this site sent.
    """
    result = checked.result
    if (result.ctx, result.transcript) != (state.view.run.ctx, state.view.transcript):
        raise TripError(f"{state.site}: the result is another run's")
    if len(state.record) != state.closed + 1 or result.trip != state.record[-1].trip.trip:
        raise TripError(f"{state.site}: the result is not that of the open trip")
    reply = state.record[-1].reply
    sent = [(v.step, v.sd, v.upload) for v in reply.vectors]
    listed = [(s.step, s.sd, _own(s.uploads, state.site)) for s in result.steps]
    said = [s for s in result.statements if s.site == state.site]
    if sent != listed or said != ([reply.statement] if reply.statement else []):
        raise TripError(f"{state.site}: the result lists another answer than this site sent")
    return replace(state, closed=state.closed + 1, chain=next_chain(state.chain, result.digest))


def close(state: Keyed) -> Closed:
    """End the run at this site and forget its keys; what was sent stays on record (SPEC 6.6)."""
    return Closed(state.view, state.site, state.chain, state.record, state.evidence)


def _own(uploads: tuple[Upload, ...], site: SiteId) -> Upload | None:
    return next((upload for upload in uploads if upload.site == site), None)


def _equivocation(state: Keyed, asked: Trip, answered: Trip) -> EquivocationError:
    kept = replace(state, evidence=(*state.evidence, (answered, asked)))
    message = f"{state.site}: trip {asked.trip} asks again, differently, what was answered before"
    return EquivocationError(message, kept)


def _check_next(state: Keyed, trip: Trip) -> None:
    site, last = state.site, len(state.record)
    if state.closed != last:
        raise TripError(f"{site}: the last trip has no result that this site re-added")
    if trip.trip != FIRST_TRIP + last:
        raise TripError(f"{site}: trip {trip.trip} is not the next one")
    if trip.chain != state.chain:
        raise TripError(f"{site}: the request follows from other results than this site re-added")
    done = sum(len(answer.reply.vectors) for answer in state.record)
    numbers = [step for step, _ in trip.steps]
    if not numbers or numbers != [FIRST_STEP + done + k for k in range(len(numbers))]:
        raise TripError(f"{site}: the steps of trip {trip.trip} are not the next ones in order")


def _check_blocks(state: Keyed, trip: Trip, blocks: Sequence[Block]) -> None:
    if tuple((block.step, block.kind) for block in blocks) != trip.steps:
        raise TripError(f"{state.site}: trip {trip.trip} asks for other steps than the plan does")
    if any(not block.params.startswith(state.chain) for block in blocks):
        raise ValueError("a block's params begin with the chain of results: use parameters()")
