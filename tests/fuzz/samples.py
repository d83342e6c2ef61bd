"""Bytes that the readers read, one set a target; the fuzzer bends them."""

import struct
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from coordinator.bundle import names
from coordinator.bundle.for_readers import Summed
from coordinator.bundle.plain import written
from coordinator.report.edition import PUBLICATION, write_edition
from coordinator.results import results_text
from protocol.canonical import Json, canonical_json, lp
from protocol.governance.chain import roster_file
from protocol.governance.heads import LedgerHead
from protocol.governance.invitation import Invitation
from protocol.governance.tls import certificate_der
from protocol.ids import site_id
from protocol.patterns import Marks, planned
from protocol.plan.digest import canonical
from protocol.plan.model import Plan
from protocol.plan.read import read_plan
from protocol.requests import (
    Abort,
    Advance,
    ClosedTrip,
    Decided,
    Done,
    Finish,
    Propose,
    Refusal,
    Said,
)
from protocol.secagg.envelope import Envelope
from protocol.secagg.masks import add
from protocol.secagg.messages import Block, KeyShare, View
from protocol.secagg.run import NO_DEADLINE
from protocol.secagg.sealing import Accept, Session, accept, offer
from protocol.wire import codec
from protocol.wire import federation_pb2 as pb
from protocol.wire.frames import chunks
from protocol.wire.heads import head_messages
from protocol.wire.sealed import pack_accept, pack_offer
from site_node.deciding import proposal_item
from site_node.folder import StateFolder
from site_node.keys import RunKeys, write_keys
from site_node.ledger import Entry, Kind, Ledger
from site_node.patterns import _names as named
from site_node.patterns import _packed as packed
from tests.coordinator.bundle.made import listed, zipped
from tests.coordinator.examples import results as results_of_a_study
from tests.federation.cohorts import clinics
from tests.federation.table import Closing, accepted, answered, gathered, short_plan
from tests.protocol.governance.parties import FEDERATION, roster, seed
from tests.protocol.governance.test_joining import LEAF
from tests.site_node.town import Town, decision, proposal, signed, town

ROOT = Path(__file__).parents[2]
S0 = site_id("s0")


@cache
def closing() -> Closing:
    return answered(gathered(short_plan()))


@cache
def place() -> Town:
    """Found a town whose nodes never start: its requests and settings are real."""
    return town(Path(tempfile.mkdtemp()))


def requests() -> list[bytes]:
    asked, closed = gathered(short_plan()).office.request(NO_DEADLINE), _closed()
    every = (
        place().opening(),
        Advance(tuple(_shares()), asked),
        Advance(closed, asked),
        Finish(closed),
        Abort(b"x" * 32, b"s" * 64),
        Propose(proposal(short_plan(), roster())),
    )
    return [codec.encode_request(request) for request in every]


def _closed() -> ClosedTrip:
    return ClosedTrip(closing().closed.result, closing().uploads)


def _shares() -> list[KeyShare]:
    return [KeyShare(site_id(f"s{k}"), bytes([k]) * 32, bytes([k]) * 64) for k in range(1, 4)]


SEALED = Envelope(S0, bytes(31) + b"\x09", b"sealed")


def replies() -> list[bytes]:
    done = Done(S0, b"x" * 32, "finished", b"c" * 32, (b"r" * 16,), b"s" * 64)
    refusal = Refusal(S0, b"", b"r" * 32, "local-policy", b"s" * 64)
    word = Decided(S0, b"p" * 32, b"r" * 32, b"s" * 32, "approved", tuple(decisions()), b"s" * 64)
    every: tuple[Said, ...] = (
        _shares()[0],
        done,
        refusal,
        word,
        SEALED,
        *closing().replies.values(),
    )
    return [codec.encode_reply(said) for said in every]


def trips() -> list[bytes]:
    return [codec.encode_trip(gathered(short_plan()).office.request(NO_DEADLINE))]


def results() -> list[bytes]:
    return [codec.encode_result(closing().closed.result)]


def shares() -> list[bytes]:
    return [codec.encode_shares(_shares())]


def frames() -> list[bytes]:
    cut = [chunk.SerializeToString() for chunk in chunks(3, bytes(200), 64)]
    return [pb.Advance(keys=[pb.KeyShare(ek=one) for one in cut]).SerializeToString()]


def heads() -> list[bytes]:
    head = LedgerHead(S0, 7, bytes(32)).sign(seed("s0"))
    return [pb.Heads(heads=head_messages([head, head])).SerializeToString()]


def _accepted() -> tuple[Accept, Session]:
    said = offer(seed("office"), seed("fresh office"))
    return accept(said, FEDERATION.coordinator, S0, seed("s0"), seed("fresh s0"))


@cache
def session() -> Session:
    return _accepted()[1]


def offers() -> list[bytes]:
    return [pack_offer(offer(seed("office"), seed("fresh office"))).body]


def accepts() -> list[bytes]:
    return [pack_accept(_accepted()[0]).body]


def records() -> list[bytes]:
    return [b"request\n0\nbody", b"accept\n1\nbody", b"reply\n1024\n"]


def sealed() -> list[bytes]:
    return [session().seal_request(1, b"a request"), session().seal_request(2, b"")]


def rosters() -> list[bytes]:
    return [roster().to_bytes(), roster("s0", "s1", "s2", "s3", verifiers=("s0", "s1")).to_bytes()]


def roster_files() -> list[bytes]:
    return [roster_file(signed(roster()))]


def federations() -> list[bytes]:
    return [FEDERATION.to_bytes()]


def proposals() -> list[bytes]:
    return [proposal(short_plan(), roster()).to_bytes()]


def decisions() -> list[bytes]:
    house = place().houses[S0]
    plain = decision(house, short_plan(), roster())
    terms = decision(
        house, short_plan(), roster(), expires="2031-01-01", runs=3, dropped=("balance/1",)
    )
    return [plain.to_bytes(), terms.to_bytes()]


def plans_sent() -> list[bytes]:
    return [canonical(short_plan())]


def plans() -> list[bytes]:
    return [(ROOT / "tests/federation/small.toml").read_bytes(), *_extract_plan()]


def _extract_plan() -> list[bytes]:
    return [(ROOT / "tests/data/extracts/plan.toml").read_bytes()]


@cache
def plan() -> Plan:
    return read_plan(_extract_plan()[0].decode(), "plan.toml")


def invitations() -> list[bytes]:
    return [Invitation("SPITAL-7", bytes(range(15))).code.encode()]


def keys() -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "keys"
        write_keys(path, RunKeys(pairs={S0: bytes(32)}))
        return [path.read_bytes(), b"\0\0"]


@cache
def ledgers() -> Sequence[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        ledger = Ledger.open(path, Path(folder) / "head")
        ledger.append(Entry(Kind.NOTE, body=lp("paused", "x")), Entry(Kind.HEADS, body=b"heads"))
        ledger.close()
        return [path.read_bytes()]


def lines() -> list[bytes]:
    return [lp("a", b"bc", b""), b""]


def items() -> list[bytes]:
    item = proposal_item(proposal(short_plan(), roster()))
    return [canonical_json({"kind": item.kind, "body": item.body}), b'{"body":"x","kind":"pause"}']


def state(folder: Path) -> StateFolder:
    return StateFolder(folder)


def sites() -> list[bytes]:
    return [(ROOT / "deploy/site.example.toml").read_bytes()]


def offices() -> list[bytes]:
    return [(ROOT / "deploy/coordinator.example.toml").read_bytes()]


def mappings() -> list[bytes]:
    return [
        b'id = "Fallnummer"\n\n[columns]\nage = "Alter"\n\n[levels.arm]\n"sofort" = "upfront"\n'
    ]


def extracts() -> list[bytes]:
    return [b'id,arm,age\n1,upfront,"60"\n2,delayed,"a ""b"" c"\r\n3,upfront,\n']


def trip_members() -> list[bytes]:
    return [written(gathered(short_plan()).office.request(NO_DEADLINE))]


def result_members() -> list[bytes]:
    return [written(closing().closed.result)]


def key_members() -> list[bytes]:
    return [written(tuple(_shares()))]


@cache
def bundles() -> Sequence[bytes]:
    """Write a bundle of the right form, and of members that say nothing true."""
    members = dict.fromkeys(names.REQUIRED[names.SCHEMA], b"{}") | {
        names.roster(1): roster_files()[0],
        names.KEYS: key_members()[0],
        names.SEAL: canonical_json({"signature": bytes(64).hex()}),
    }
    manifest: Json = {
        "schema": names.SCHEMA,
        "study": "small",
        "plan_digest": bytes(32).hex(),
        "run": bytes(16).hex(),
        "simulated": True,
        "notice": "",
        "members": [],
    }
    with tempfile.TemporaryDirectory() as folder:
        whole = listed({**members, names.MANIFEST: canonical_json(manifest)})
        raw = zipped(Path(folder) / "x.zip", whole).read_bytes()
    directory = raw.index(b"PK\x01\x02")
    # The second claims a gigabyte where the first has a few bytes.
    size = directory + 24
    return [raw, raw[:size] + struct.pack("<I", 2**30) + raw[size + 4 :]]


@cache
def patterns() -> Sequence[bytes]:
    """Write who was in which cohort, as a node keeps it."""
    cohort = clinics(3, 40)[0]
    return [packed(Marks(named(cohort), cohort.arm, planned(short_plan(), cohort)))]


def seeds() -> list[bytes]:
    return [bytes(32)]


def consents() -> list[bytes]:
    told: Json = {"study": "crlm", "site": "s0", "signature": bytes(64).hex()}
    return [canonical_json(told) + b"\n"]


def reviews() -> list[bytes]:
    return [canonical_json({"review": ["events: 2 numbers are about fewer than 5 patients here"]})]


@cache
def results_files() -> Sequence[bytes]:
    return [results_text(results_of_a_study()).encode()]


@cache
def editions() -> Sequence[bytes]:
    """Write what an edition for publication keeps for the next one."""
    with tempfile.TemporaryDirectory() as folder:
        write_edition(results_of_a_study(), Path(folder))
        return [(Path(folder) / PUBLICATION).read_bytes()]


def sums_lists() -> list[bytes]:
    shown = Summed(1, 1, "lock/1", bytes(32), bytes(32), names.total(1))
    return [written((shown, Summed(2, 2, "flow/1", bytes(32), b"", "")))]


def salts() -> list[bytes]:
    return [written((bytes(32), bytes(32)))]


@cache
def certificates() -> Sequence[bytes]:
    return [LEAF, certificate_der(LEAF)]


@cache
def summed() -> tuple[View, Block, bytes]:
    """Add up the first trip with patients: the words of a sum."""
    table = accepted(closing())
    known = table.office.known
    block = known.blocks[0]
    vectors = [reply.vectors[0] for reply in answered(table).replies.values()]
    total = np.zeros(len(vectors[0].words) // 8, dtype=np.uint64)
    for one in vectors:
        add(total, np.frombuffer(one.words, dtype="<u8"), block.width)
    return known.view, block, total.tobytes()


def sums() -> list[bytes]:
    return [summed()[2]]


def closings() -> list[bytes]:
    """Write a hospital's last word, as a bundle has it."""
    return [written(Done(S0, b"x" * 32, "finished", b"c" * 32, (b"r" * 16,), b"s" * 64))]
