"""A hospital meets its coordinating centre for the first time, with an invitation (SPEC 2.9).

Nothing is trusted yet, so the server's certificate is read first and then held to; the codes of
both sides say whether both saw the same one. What is kept afterwards is the caller's business.
"""

import secrets
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from queue import Empty, SimpleQueue

from google.protobuf.message import DecodeError

from protocol.governance.chain import require_succession
from protocol.governance.federation import Federation
from protocol.governance.identity import identity_public
from protocol.governance.invitation import Invitation
from protocol.governance.joining import Handshake, trust
from protocol.governance.roster import Roster
from protocol.governance.signed import SignedRoster
from protocol.governance.tls import hosts_of, leaf_fingerprint
from protocol.ids import SiteId
from protocol.wire import federation_pb2 as pb
from protocol.wire.encoding import MessageError
from protocol.wire.rosters import read_rosters
from protocol.wire.service import JOIN, NONCE_BYTES
from site_node.carriers.errors import InterceptedError, LineError, not_joined
from site_node.carriers.line import Ended, Line, broken, channel, why_no_line
from site_node.doctor.handshake import Trust
from site_node.doctor.lookup import look_up, open_first
from site_node.doctor.proxy import ask
from site_node.doctor.way import Way

ANSWER_SECONDS = 20.0


@dataclass(frozen=True)
class Newcomer:
    """Who wants to join: id, name for people, and the seed of a new identity key."""

    site: SiteId
    name: str
    seed: bytes = field(repr=False)


class NotConfirmedError(LineError):
    """The operator did not confirm the federation's words, so nothing is trusted or sent."""

    code = "not-confirmed"


def join(
    way: Way,
    invitation: Invitation,
    newcomer: Newcomer,
    confirm: Callable[[Federation], bool],
    now: Callable[[], datetime],
) -> Federation:
    """Join a federation, and give what the hospital trusts from now on.

    `confirm` shows the federation's words to the operator, who compares them by telephone; there
    are some minutes for it. Only after a yes does the hospital prove itself.

    Raises
    ------
    FederationError
        If there is no line, the invitation does not serve, or somebody is in between.
    """
    leaf = server_certificate(way, now)
    _require_host(way, leaf)
    heard: SimpleQueue[bytes | Ended] = SimpleQueue()
    with closing(Line(channel(way, Trust(leaf)), JOIN, heard.put)) as line:
        talk = _Talk(way, newcomer.site, line, heard)
        seen, code = _knocked(talk, invitation.id, newcomer, leaf_fingerprint(leaf))
        federation = trust(seen, invitation.secret, code, leaf)
        if not confirm(federation):
            raise _not_confirmed()
        proof = pb.JoinProof(code=seen.site_code(invitation.secret))
        proof.signature = seen.prove(newcomer.seed)
        line.send(pb.FromJoiner(proof=proof))
        receipt = talk.read("receipt").receipt
        key = _coordinator(federation, read_rosters(receipt.rosters), now())
        seen.require_receipt(key, receipt.signature)
        return federation


def _coordinator(federation: Federation, rosters: Sequence[SignedRoster], now: datetime) -> bytes:
    """Say whose receipt it has to be: the file's coordinator, or who the rosters say followed."""
    if not rosters:
        return federation.coordinator
    key = Roster.from_bytes(rosters[-1].payload).coordinator
    return require_succession(rosters, federation, key, now=now, newest={}).coordinator


def _knocked(
    talk: "_Talk", invitation: str, newcomer: Newcomer, certificate: bytes
) -> tuple[Handshake, bytes]:
    """Name the invitation, and take the centre's card: what was seen, and the centre's code."""
    nonce, key = secrets.token_bytes(NONCE_BYTES), identity_public(newcomer.seed)
    knock = pb.Knock(invitation=invitation, nonce=nonce, site=newcomer.site, name=newcomer.name)
    knock.identity = key
    talk.line.send(pb.FromJoiner(knock=knock))
    card = talk.read("card").card
    seen = Handshake(
        invitation=invitation,
        site_nonce=nonce,
        centre_nonce=card.nonce,
        site=newcomer.site,
        name=newcomer.name,
        identity=key,
        federation=card.federation,
        certificate=certificate,
    )
    return seen, card.code


def server_certificate(way: Way, now: Callable[[], datetime]) -> bytes:
    """Read the certificate (DER) that the server shows, without believing it.

    Raises
    ------
    LineError
        If there is no way to it, each with its reason.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    try:
        with (
            _dialled(way) as plain,
            context.wrap_socket(plain, server_hostname=way.coordinator.host) as secure,
        ):
            shown = secure.getpeercert(binary_form=True)
    except OSError:
        shown = None
    if not shown:
        raise why_no_line(way, None, now) or broken(Ended(), way)
    return shown


def _dialled(way: Way) -> socket.socket:
    found = look_up(way.first, ANSWER_SECONDS)
    dialled, _ = open_first(found.value or (), ANSWER_SECONDS)
    if way.proxy and not ask(dialled, way.proxy, way.coordinator, ANSWER_SECONDS).tunnel:
        dialled.close()
        raise ConnectionRefusedError
    return dialled


@dataclass(frozen=True)
class _Talk:
    way: Way
    site: SiteId
    line: Line
    heard: SimpleQueue[bytes | Ended]

    def read(self, what: str) -> pb.FromCentre:
        """Wait for one kind of message, as joining has it."""
        try:
            said = self.heard.get(timeout=ANSWER_SECONDS)
        except Empty:
            raise _silent(self.way) from None
        if isinstance(said, Ended):
            raise broken(said, self.way)
        self.line.taken()
        try:
            message = pb.FromCentre.FromString(said)
        except DecodeError:
            raise MessageError("what came is no message of this service (SPEC 11)") from None
        kind = message.WhichOneof("said")
        if kind == "denied":
            raise not_joined(message.denied, self.site)
        if kind != what:
            raise MessageError(f"the coordinating centre says {kind}, not {what} (SPEC 2.9)")
        return message


def _require_host(way: Way, leaf: bytes) -> None:
    host, hosts = way.coordinator.host, hosts_of(leaf)
    if host.lower() not in (named.lower() for named in hosts):
        named = ", ".join(hosts[:3]) or "no name"
        raise InterceptedError(
            f"the server's certificate is for {named[:120]}, not for {host}",
            "dial the address as the invitation has it, or ask the coordinating centre for a "
            f"certificate that names {host}",
            "tls-host",
        )


def _silent(way: Way) -> LineError:
    said = f"the coordinating centre at {way.coordinator} does not answer in time"
    return LineError(said, "ask whether its server is overloaded", "join-silent")


def _not_confirmed() -> NotConfirmedError:
    return NotConfirmedError(
        "the words were not confirmed, so the hospital has not joined",
        "compare them again by telephone; if they differ, tell the coordinating centre",
        "words",
    )
