"""What a SuperLink, or somebody on it, can try; and what comes of it."""

import importlib
import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from threading import Event
from types import ModuleType

import pytest
from flwr.app import ConfigRecord, Message, RecordDict

import coordinator.carriers.flower
import site_node.carriers.flower
from coordinator.carriers.flower import link as office_link
from protocol.errors import FederationError
from protocol.governance.identity import identity_public
from protocol.ids import site_id
from protocol.secagg.sealing import SealError, Session, accepted, offer
from protocol.wire.flower import FlowerVersionError
from protocol.wire.sealed import Kind, OtherVersionError, Parcel, pack_offer, read_accept
from protocol.wire.service import Denial
from site_node.carriers.events import Down, Warned
from site_node.carriers.flower import link as site_link
from site_node.carriers.flower.app import MESSAGE_TYPE, ForeignMessageError
from site_node.carriers.flower.errors import LEASE_SECONDS
from site_node.carriers.flower.keys import new_key
from site_node.carriers.flower.sealed import SealedSite
from site_node.carriers.session import Credentials
from site_node.carriers.worker import Handle
from tests.federation.carriers.world import OFFICE, SITES, authority, never, seed, soon
from tests.federation.flower.superlink import Running
from tests.federation.flower.world import node, office

H1, H2 = SITES[:2]


def test_a_node_without_a_roster_key_is_ignored_and_reported(superlink: Running) -> None:
    stranger = Credentials(site_id("X"), seed("X"), identity_public(OFFICE), "1.0")
    thief = Credentials(H2, seed("X"), identity_public(OFFICE), "1.0")
    asked: list[bytes] = []

    def handle(request: bytes) -> bytes:
        asked.append(request)
        return b"mine"

    with (
        office(superlink) as carrying,
        node(superlink.joined(), handle, me=stranger),
        node(superlink.joined(), handle, me=thief),
        node(superlink.joined(), lambda _: b"ours", H1),
    ):
        requests = {H1: b"?", H2: b"?"}
        replies = carrying.carrier.exchange(requests, soon(), never)
        assert next(replies) == (H1, b"ours")
        carrying.alarms.until(lambda told: told.site == "X" and told.why is Denial.IDENTITY)
        carrying.alarms.until(lambda told: told.site == H2 and told.why is Denial.IDENTITY)
        replies.close()  # type: ignore[attr-defined]
        assert carrying.carrier.connected() == {H1}
    assert asked == []


def test_a_hospital_takes_no_offer_of_another_coordinator(superlink: Running) -> None:
    with (
        office(superlink, seed=seed("another office")) as carrying,
        node(superlink.joined()) as hospital,
    ):
        warned = hospital.events.until_a(Warned)
        assert warned.error.code == "signature"
        carrying.alarms.until(lambda told: told.why is Denial.IDENTITY)
        assert carrying.carrier.connected() == frozenset()


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "executed"


@pytest.fixture
def bundle_with_effect(marker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ship code with every run: it would write a file wherever it is executed."""
    names = office_link._bundle

    def bundle(nonce: bytes) -> bytes:
        with zipfile.ZipFile(io.BytesIO(names(nonce))) as read:
            text = read.read("pyproject.toml").decode()
        text = text.replace("coordinator.carriers.flower.carrier:app", "evil:app")
        text = text.replace("site_node.carriers.flower.supernode:app", "evil:app")
        code = f"from pathlib import Path\nPath({str(marker)!r}).write_text('here')\napp = None\n"
        places = ("evil.py", "sitecustomize.py", "site_node/__init__.py")
        code_files = dict.fromkeys(places, code.encode())
        return office_link._zipped({"pyproject.toml": text.encode(), **code_files})

    monkeypatch.setattr(office_link, "_bundle", bundle)


@pytest.mark.usefixtures("bundle_with_effect")
def test_code_that_a_run_ships_is_never_executed(superlink: Running, marker: Path) -> None:
    log = superlink.folder / "superlink.log"
    before = len(log.read_bytes())
    with office(superlink) as carrying, node(superlink.joined()):
        assert list(carrying.carrier.exchange({H1: b"?"}, soon(), never)) == [(H1, b"?")]
    asked = log.read_bytes()[before:].decode()
    assert "Fleet.PushMessages" in asked  # the log tells what nodes ask for
    assert "Fleet.GetFab" not in asked
    assert "Fleet.GetRun" not in asked
    assert not marker.exists()


def test_messages_of_other_apps_are_refused(superlink: Running) -> None:
    """Whatever they ask of the node, they get an error, and the node's operator hears of it."""
    with node(superlink.joined()) as hospital:
        hospital.until_connected()
        run = office_link.FlowerRun(superlink.link, os.urandom(16), Event())
        (there,) = run.grid.get_node_ids()
        records = RecordDict({"x": ConfigRecord({"code": "x"})})
        messages = [Message(records, there, kind) for kind in ("train", "query", MESSAGE_TYPE)]
        names, came = set(run.grid.push_messages(messages)), list[Message]()
        while len(came) < len(names):
            came += run.grid.pull_messages(names - {m.metadata.reply_to_message_id for m in came})
        run.close()
        assert all(message.has_error() for message in came)
        told = [told.error for told in hospital.events.all if isinstance(told, Warned)]
    assert [type(error) for error in told[:2]] == [ForeignMessageError] * 2
    assert isinstance(told[2], OtherVersionError)


def test_a_copied_request_is_not_answered_again() -> None:
    """As the SuperLink would have to make it: it sees sealed bytes only."""
    asked: list[bytes] = []
    warned: list[Exception] = []

    def handle(request: bytes) -> bytes:
        asked.append(request)
        return b"answer"

    site, session = sealed_site(handle, warned.append)
    site.answer(Parcel(Kind.HEADS, session.seal_told(1, b"")))
    first = Parcel(Kind.REQUEST, session.seal_request(2, b"question"))
    assert session.open_reply(site.answer(first).body) == (2, b"answer")
    assert site.answer(first) == Parcel(Kind.UNKNOWN)
    assert [type(error) for error in warned] == [SealError]
    assert asked == [b"question"]
    assert site.answer(Parcel(Kind.REQUEST, bytes(99))) == Parcel(Kind.UNKNOWN)


def test_nothing_is_answered_before_heads_of_ledgers_came() -> None:
    """So a SuperLink cannot keep from a hospital that its ledger was set back (SPEC 12.9)."""
    asked: list[bytes] = []
    warned: list[Exception] = []

    def handle(request: bytes) -> bytes:
        asked.append(request)
        return b"answer"

    site, session = sealed_site(handle, warned.append)
    early = Parcel(Kind.REQUEST, session.seal_request(2, b"question"))
    renamed = Parcel(Kind.HEADS, early.body)
    assert site.answer(early) == site.answer(renamed) == Parcel(Kind.UNKNOWN)
    assert [type(error) for error in warned] == [SealError] * 2
    heads = site.answer(Parcel(Kind.HEADS, session.seal_told(1, b"")))
    assert session.open_shown(heads.body) == (1, b"")
    assert asked == []


def sealed_site(
    handle: Handle, warn: Callable[[FederationError], None]
) -> tuple[SealedSite, Session]:
    """Open a session with a hospital, and tell nothing yet."""
    me = Credentials(H1, seed(H1), identity_public(OFFICE), "1.0")
    site = SealedSite(
        lambda: me, handle, greet=lambda _: (), warn=warn, random=lambda _: seed("fresh")
    )
    said = site.answer(pack_offer(offer(OFFICE, seed("office's"))))
    keys = identity_public(seed(H1)), identity_public(OFFICE)
    return site, accepted(read_accept(said), seed("office's"), *keys)


@pytest.mark.parametrize("end", [coordinator.carriers.flower, site_node.carriers.flower])
def test_another_flower_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, end: ModuleType
) -> None:
    """Before anything of it is imported, so that it is no missing name that is told."""
    monkeypatch.setattr("importlib.metadata.version", lambda _: "1.42.0")
    with pytest.raises(
        FlowerVersionError, match=r"flwr 1\.42\.0 is installed; this carrier knows flwr 1\.41"
    ):
        importlib.reload(end)


def test_what_is_said_where_the_superlink_is_not(superlink: Running) -> None:
    other = site_link.SuperLink("127.0.0.1:1", superlink.joined().ca, new_key())
    with node(other) as hospital:
        down = hospital.events.until_a(Down)
        assert "127.0.0.1:1 cannot be reached" in str(down.error)


def test_what_is_said_where_the_key_is_not_registered(superlink: Running) -> None:
    unknown = site_link.SuperLink(superlink.address, superlink.joined().ca, new_key())
    with node(unknown) as hospital:
        down = hospital.events.until_a(Down)
        assert "does not know this node's key" in str(down.error)
        assert "state/flower.pub" in down.error.fix


def test_a_superlink_of_another_authority_is_told(superlink: Running) -> None:
    other = authority("Somebody else")[1].decode()
    wrong = site_link.SuperLink(superlink.address, other, superlink.joined().key)
    with node(wrong) as hospital:
        down = hospital.events.until_a(Down)
        assert down.error.code == "intercepted"


def test_a_second_process_of_a_node_waits_for_the_lease(superlink: Running) -> None:
    """As after a crash, when the SuperLink still holds the one before for alive."""
    link = superlink.joined()
    first = site_link.FleetLink(link, 1 << 20)
    first.activate()  # and dies without a word
    with node(link) as second:
        down = second.events.until_a(Down)
        assert "another process of this node for alive" in str(down.error)
        assert f"wait {LEASE_SECONDS} s" in down.error.fix
        first.close()  # its lease is over
        second.until_connected()
