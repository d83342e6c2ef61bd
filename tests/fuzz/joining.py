"""Joining as readers of bytes: what each end takes from somebody whom it does not know yet."""

import asyncio
from collections.abc import Awaitable, Callable
from queue import SimpleQueue
from typing import Any

from coordinator.carriers.door import Alarm, Door
from coordinator.carriers.join import Invited, Joined, Joining, Reception
from coordinator.carriers.limits import Limits
from coordinator.carriers.stream import Stream
from protocol.governance.federation import Federation
from protocol.governance.joining import Handshake, trust
from protocol.wire import federation_pb2 as pb
from site_node.carriers.joining import _Talk
from site_node.carriers.line import Ended
from site_node.doctor.lookup import Endpoint
from site_node.doctor.way import Way
from tests.protocol.governance.parties import FEDERATION, NOW, seed
from tests.protocol.governance.test_joining import INVITATION, LEAF, SECRET, SEEN

INVITED = Invited(SECRET, NOW.replace(year=9999))


class _Context:
    """A stream from which bytes come, and into which nothing goes."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    def peer(self) -> str:
        return "ipv4:192.0.2.7:1234"

    async def read(self) -> bytes:
        return self.raw


async def _at_once(hook: Callable[..., Any], *arguments: Any) -> Any:
    return hook(*arguments)


def _reception() -> Reception:
    limits = Limits()
    joining = Joining(FEDERATION.to_bytes(), lambda _: INVITED, _joined)
    doors = Door(limits.half_open, limits.half_open_per_address), Door(limits.joins, limits.joins)
    return Reception(joining, seed("office"), SEEN.certificate, limits, *doors, _told, _at_once)


def _joined(_: Joined) -> None:
    """Keep nothing."""


def _told(_: Alarm) -> None:
    """Alarm nobody."""


def _received(raw: bytes, part: Callable[[Reception, Stream], Awaitable[Any]]) -> Any:
    async def receive() -> Any:
        return await part(_reception(), Stream(_Context(raw)))  # type: ignore[arg-type]

    return asyncio.run(receive())


def knock(raw: bytes) -> Handshake:
    """Let the centre take a stranger's first message."""
    seen, _ = _received(raw, lambda reception, stream: reception._knocked(stream))
    assert isinstance(seen, Handshake)
    return seen


def proof(raw: bytes) -> None:
    """Let the centre take what should prove that the stranger is invited."""
    _received(raw, lambda reception, stream: reception._proved(stream, SEEN, INVITED))


class _Line:
    """A line on which nothing more comes."""

    def taken(self) -> None:
        """Make room for nothing."""


def card(raw: bytes) -> Federation:
    """Let a hospital take what should be the centre's card, and trust it."""
    heard = SimpleQueue[bytes | Ended]()
    heard.put(raw)
    way = Way(Endpoint("office.example", 7443))
    said = _Talk(way, SEEN.site, _Line(), heard).read("card").card  # type: ignore[arg-type]
    seen = Handshake(
        INVITATION.id,
        SEEN.site_nonce,
        said.nonce,
        SEEN.site,
        SEEN.name,
        SEEN.identity,
        said.federation,
        SEEN.certificate,
    )
    return trust(seen, SECRET, said.code, LEAF)


def knocks() -> list[bytes]:
    said = pb.Knock(
        invitation=INVITATION.id,
        nonce=SEEN.site_nonce,
        site=SEEN.site,
        name=SEEN.name,
        identity=SEEN.identity,
    )
    return [pb.FromJoiner(knock=said).SerializeToString(), *proofs()]


def proofs() -> list[bytes]:
    said = pb.JoinProof(code=SEEN.site_code(SECRET), signature=SEEN.prove(seed("basel")))
    return [pb.FromJoiner(proof=said).SerializeToString()]


def cards() -> list[bytes]:
    code = SEEN.centre_code(SECRET)
    said = pb.CentreCard(federation=SEEN.federation, nonce=SEEN.centre_nonce, code=code)
    every = (pb.FromCentre(card=said), pb.FromCentre(denied=pb.Denied(code="slow")))
    return [one.SerializeToString() for one in every]
