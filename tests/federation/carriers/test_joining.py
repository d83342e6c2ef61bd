"""A hospital meets its coordinating centre: over the port, with codes that see through the line."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from coordinator.carriers.door import Alarm
from coordinator.carriers.join import Invited, Joined, Joining
from coordinator.carriers.limits import Limits
from protocol.canonical import digest
from protocol.governance.federation import Federation
from protocol.governance.identity import identity_public
from protocol.governance.invitation import (
    SECRET_SIZE,
    Denial,
    Invitation,
    InvitationError,
    new_invitation,
    parse_invitation,
)
from protocol.governance.tls import CertificateError
from protocol.ids import site_id
from protocol.wire import federation_pb2 as pb
from protocol.wire.service import JOIN
from site_node.carriers.errors import InterceptedError, LineError
from site_node.carriers.joining import Newcomer, NotConfirmedError, join
from site_node.carriers.line import channel
from site_node.doctor.lookup import Endpoint
from site_node.doctor.proxy import Proxy
from site_node.doctor.way import Way
from tests.federation.carriers.middle import opening
from tests.federation.carriers.world import (
    OFFICE,
    PATIENCE_SECONDS,
    Heard,
    Port,
    authority,
    now,
    port,
    seed,
    soon,
    tls,
    trust,
)
from tests.site_node.doctor.loopback import closed_port, server, tunnel

INVITATION = parse_invitation(new_invitation("Basel", digest("tests", "code")[:SECRET_SIZE]))
OTHER = Invitation("BASEL", digest("tests", "another code")[:SECRET_SIZE])
NEWCOMER = Newcomer(site_id("H8"), "Universitätsspital Basel", seed("H8"))
KEY = identity_public(NEWCOMER.seed)


def federation(name: str = "Seven Hospitals") -> Federation:
    roster_authority = identity_public(digest("tests", "roster authority"))
    return Federation(
        name, identity_public(OFFICE), (roster_authority,), 1, authority("Seven Hospitals")[1]
    )


def invited(invitation: Invitation = INVITATION, **how: Any) -> Callable[[str], Invited | None]:
    kept = Invited(invitation.secret, **({"expires": soon()} | how))
    return lambda one: kept if one == invitation.id else None


class Centre:
    """What a coordinating centre notes of those who join."""

    def __init__(self) -> None:
        self.joined: Heard[Joined] = Heard()

    def port(
        self, lookup: Callable[[str], Invited | None] | None = None, **settings: Any
    ) -> AbstractContextManager[Port]:
        joining = Joining(federation().to_bytes(), lookup or invited(), self.joined)
        return port(joining=joining, **settings)


def joins(
    where: Endpoint | Way, invitation: Invitation = INVITATION, *, says: bool = True
) -> Federation:
    way = where if isinstance(where, Way) else Way(where)
    return join(way, invitation, NEWCOMER, lambda _: says, now)


def denial(where: Endpoint) -> Denial:
    with pytest.raises(InvitationError) as no:
        joins(where)
    return no.value.denial


def test_joining() -> None:
    centre = Centre()
    with centre.port() as coordinator:
        assert joins(coordinator.where) == federation()
    told = Joined(INVITATION.id, NEWCOMER.site, NEWCOMER.name, KEY, "ipv4:127.0.0.1")
    assert centre.joined.all == (told,)
    assert coordinator.alarms.all == ()


def test_joining_through_a_proxy() -> None:
    centre = Centre()
    with centre.port() as coordinator, server(tunnel(coordinator.where)) as proxy:
        assert joins(Way(coordinator.where, Proxy(proxy))) == federation()


def test_a_lost_receipt_does_no_harm() -> None:
    centre = Centre()
    with centre.port(invited(used_by=KEY, expires=now() - timedelta(days=1))) as coordinator:
        assert joins(coordinator.where) == federation()


@pytest.mark.parametrize(
    ("lookup", "expected"),
    [
        (lambda _: None, Denial.UNKNOWN),
        (invited(expires=now()), Denial.EXPIRED),
        (invited(used_by=bytes(32)), Denial.USED),
    ],
)
def test_invitations_that_do_not_serve(
    lookup: Callable[[str], Invited | None], expected: Denial
) -> None:
    centre = Centre()
    with centre.port(lookup) as coordinator:
        assert denial(coordinator.where) is expected
    assert centre.joined.all == ()


def test_nobody_can_join_where_joining_is_not_offered() -> None:
    with port() as coordinator:
        assert denial(coordinator.where) is Denial.UNKNOWN


def test_the_store_has_the_last_word() -> None:
    def refuse(_: Joined) -> None:
        raise InvitationError(Denial.USED)

    joining = Joining(federation().to_bytes(), invited(), refuse)
    with port(joining=joining) as coordinator:
        assert denial(coordinator.where) is Denial.USED


def test_without_the_operators_yes_nothing_is_proven() -> None:
    centre = Centre()
    with centre.port() as coordinator, pytest.raises(NotConfirmedError):
        joins(coordinator.where, says=False)
    assert centre.joined.all == ()


def test_a_centre_that_does_not_know_the_code() -> None:
    """Its public half is seen by anybody on the way; that is not enough to make the code."""
    lookup: Any = lambda _: Invited(OTHER.secret, soon())  # noqa: E731
    centre = Centre()
    with centre.port(lookup) as coordinator:
        assert denial(coordinator.where) is Denial.CODE
    assert centre.joined.all == ()


def test_somebody_in_the_middle_is_seen_through(tmp_path: Path) -> None:
    """A filter passes every byte on, with a certificate of its own: the codes do not fit."""
    centre = Centre()
    with centre.port() as coordinator:
        filtering = opening(coordinator.where, tls("Hospital Web Filter"), tmp_path)
        with server(filtering) as where:
            assert denial(where) is Denial.CODE
    assert centre.joined.all == ()


def test_a_centre_whose_certificate_is_not_the_federations() -> None:
    centre = Centre()
    with (
        centre.port(tls=tls("Hospital Web Filter")) as coordinator,
        pytest.raises(CertificateError, match="not of the federation's authority"),
    ):
        joins(coordinator.where)
    assert centre.joined.all == ()


@contextmanager
def knocked(where: Endpoint) -> Iterator[tuple[Callable[[pb.JoinProof], None], Any]]:
    """Knock and take the card; give a way to go on, and what the centre says."""
    knock = pb.Knock(invitation=INVITATION.id, nonce=bytes(32), site="H8", name="Basel")
    knock.identity = KEY
    out: SimpleQueue[bytes | None] = SimpleQueue()
    out.put(pb.FromJoiner(knock=knock).SerializeToString())
    with channel(Way(where), trust()) as dialled:
        multi: Any = dialled.stream_stream(JOIN, response_deserializer=pb.FromCentre.FromString)
        call = multi(iter(out.get, None), timeout=PATIENCE_SECONDS)
        assert next(call).WhichOneof("said") == "card"
        yield lambda proof: out.put(pb.FromJoiner(proof=proof).SerializeToString()), call
        out.put(None)


def test_a_hospital_that_does_not_know_the_code_raises_an_alarm() -> None:
    centre = Centre()
    with centre.port() as coordinator, knocked(coordinator.where) as (prove, said):
        prove(pb.JoinProof(code=bytes(32), signature=bytes(64)))
        assert next(said).denied.code == Denial.CODE
        coordinator.alarms.until(lambda told: told == Alarm(Denial.CODE, "H8", "ipv4:127.0.0.1"))
    assert centre.joined.all == ()


def test_an_operator_who_never_answers_is_not_waited_for() -> None:
    limits = Limits(join_seconds=0.05)
    with Centre().port(limits=limits) as coordinator, knocked(coordinator.where) as (_, said):
        assert next(said).denied.code == "slow"


@pytest.mark.parametrize(
    ("knock", "code"),
    [
        (pb.FromJoiner(), "message"),
        (pb.FromJoiner(proof=pb.JoinProof()), "message"),
        (pb.FromJoiner(knock=pb.Knock(site="no id")), Denial.MESSAGE),
        (pb.FromJoiner(knock=pb.Knock(site="H8", name="x")), Denial.MESSAGE),
    ],
)
def test_knocks_that_are_none(knock: pb.FromJoiner, code: str) -> None:
    with Centre().port() as coordinator, channel(Way(coordinator.where), trust()) as dialled:
        multi: Any = dialled.stream_stream(JOIN)
        call = multi(iter([knock.SerializeToString()]))
        assert pb.FromCentre.FromString(next(call)).denied.code == code


def test_another_host_than_the_certificates() -> None:
    with (
        Centre().port(tls=tls(host="centre.example.org")) as coordinator,
        pytest.raises(InterceptedError, match=r"for centre\.example\.org, not for 127"),
    ):
        joins(coordinator.where)


def test_no_way_to_the_centre() -> None:
    with pytest.raises(LineError) as no:
        joins(closed_port())
    assert no.value.reason == "tcp-refused"
