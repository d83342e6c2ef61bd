"""The app as a stock SuperNode calls it: a process for every message, with one context for all."""

from pathlib import Path

import pytest
from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.supercore.task_identity import TaskIdentity

from protocol.governance.identity import identity_public
from protocol.ids import site_id
from protocol.requests import Refusal
from protocol.secagg.sealing import accepted, offer
from protocol.wire.codec import decode_reply
from protocol.wire.sealed import Kind, Parcel, pack_offer, read_accept, unpack
from site_node.carriers.flower.app import MESSAGE_TYPE, written
from site_node.carriers.flower.supernode import SETTING, SuperNodeError, query
from site_node.folder import make_folder, write_private
from site_node.setup import Identity, init
from tests.federation.carriers.signed import question
from tests.protocol.governance.parties import FEDERATION, seed

LIMIT = 1 << 20


@pytest.fixture
def own(tmp_path: Path) -> Identity:
    own = init(tmp_path / "site.toml", "lyon", "Lyon")
    write_private(make_folder(tmp_path / "state").federation, FEDERATION.to_bytes())
    text = (tmp_path / "site.toml").read_text(encoding="utf-8")
    table = '\n[flower]\nsuperlink = "localhost:1"\n'
    (tmp_path / "site.toml").write_text(f'carrier = "flower"\n{text}{table}', encoding="utf-8")
    return own


@pytest.fixture(autouse=True)
def _task(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_run_id", "_node_id", "_task_id"):
        monkeypatch.setattr(TaskIdentity, name, 1)


def context(config: object) -> Context:
    return Context(1, 2, {SETTING: config} if config else {}, RecordDict(), {}, 1)  # type: ignore[dict-item]


def message(parcel: Parcel) -> Message:
    return Message(written(parcel), 2, MESSAGE_TYPE)


def test_a_session_lasts_from_one_process_to_the_next(own: Identity, tmp_path: Path) -> None:
    supernode = context(str(tmp_path / "site.toml"))
    fresh, office = seed("fresh"), FEDERATION.coordinator
    said = query(message(pack_offer(offer(seed("office"), fresh))), supernode)
    accept = read_accept(unpack(said.content, LIMIT))
    assert accept.site == site_id("lyon")
    session = accepted(accept, fresh, own.public, office)
    heads = Parcel(Kind.HEADS, session.seal_told(1, b""))
    shown = unpack(query(message(heads), supernode).content, LIMIT)
    assert session.open_shown(shown.body) == (1, b"")  # its ledger has no line yet
    sealed = Parcel(Kind.REQUEST, session.seal_request(2, question()))
    reply = unpack(query(message(sealed), supernode).content, LIMIT)
    number, opened = session.open_reply(reply.body)
    refusal = decode_reply(opened)
    assert number == 2
    assert isinstance(refusal, Refusal)
    assert refusal.site == "lyon"
    again = query(message(sealed), supernode).content
    assert unpack(again, LIMIT) == Parcel(Kind.UNKNOWN)  # the number was taken, a process before


def test_settings_have_to_be_named() -> None:
    with pytest.raises(SuperNodeError, match=SETTING):
        query(message(Parcel(Kind.OFFER)), context(None))


def test_settings_have_to_name_flower(own: Identity, tmp_path: Path) -> None:
    text = (tmp_path / "site.toml").read_text(encoding="utf-8")
    (tmp_path / "site.toml").write_text(text.replace('carrier = "flower"', ""), encoding="utf-8")
    with pytest.raises(SuperNodeError, match="do not name Flower"):
        query(message(Parcel(Kind.OFFER)), context(str(tmp_path / "site.toml")))


def test_records_are_those_of_the_protocol() -> None:
    content = written(Parcel(Kind.REPLY, b"x"))
    records = {name: dict(record) for name, record in content.config_records.items()}
    assert unpack(records, LIMIT) == Parcel(Kind.REPLY, b"x")
    assert isinstance(content["riskset"], ConfigRecord)
    assert identity_public(seed("office")) == FEDERATION.coordinator
