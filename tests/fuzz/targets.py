"""Everything that reads bytes of somebody else's, in one list: `make fuzz` and CI run the same.

A target reads bytes to a value or raises one of its declared errors. Where a value has one
encoding, `write` gives it, and reading any other bytes for it would be a fault.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from coordinator.bundle.closing import read_closing
from coordinator.bundle.for_readers import read_salts, read_sums
from coordinator.bundle.plain import BundleError, written
from coordinator.bundle.plain import read as read_plain
from coordinator.bundle.reader import open_bundle
from coordinator.config import KeyFileError, read_seed
from coordinator.config import read_config as read_office_config
from coordinator.report.edition import EditionFileError, read_cells, read_published
from coordinator.results import ResultsFileError, read_results
from protocol.errors import FederationError, ProblemsError
from protocol.governance.approval import Decision, DecisionError
from protocol.governance.chain import read_roster_file
from protocol.governance.federation import Federation, TrustError
from protocol.governance.invitation import InvitationError, parse_invitation
from protocol.governance.proposal import Proposal, ProposalError
from protocol.governance.roster import Roster, RosterError
from protocol.governance.tls import CertificateError, hosts_of
from protocol.patterns import Marks
from protocol.plan.digest import canonical
from protocol.plan.model import Plan
from protocol.plan.read import plan_text, read_canonical, read_plan
from protocol.secagg.block import SumError
from protocol.secagg.messages import KeyShare, Result, Trip
from protocol.secagg.sealing import SealError, Session
from protocol.secagg.total import read as read_sum
from protocol.wire import codec
from protocol.wire import federation_pb2 as pb
from protocol.wire.encoding import MessageError
from protocol.wire.frames import Assembler
from protocol.wire.heads import read_heads
from protocol.wire.sealed import Kind as Record
from protocol.wire.sealed import Parcel, pack, pack_accept, pack_offer, read_accept, unpack
from protocol.wire.sealed import read_offer as offer_of
from riskset.centre import read_authority_seed
from riskset.roster_cli import read_consents
from riskset.rosters import DraftError
from site_node.carriers.errors import LineError
from site_node.config import read_config as read_site_config
from site_node.course import parts_of
from site_node.data.mapping import read_mapping
from site_node.data.source import read_blocks
from site_node.folder import FolderError
from site_node.folder import UnavailableError as Unavailable
from site_node.inbox import waiting
from site_node.keys import read_keys
from site_node.ledger import Ledger, LedgerError, RolledBackError
from site_node.patterns import _read as marks_of
from site_node.preview.kept import _read as reviewed
from tests.coordinator.examples import results as study_results
from tests.fuzz import joining, samples

CHUNK = 64
LIMIT_BYTES = 1 << 20


@dataclass(frozen=True)
class Target:
    """One reader: how it reads, what it may raise, and some bytes that it reads.

    `read` gets a folder of its own beside the bytes. `write` is None where a value has several
    encodings, as a text that people write.
    """

    name: str
    read: Callable[[bytes, Path], Any]
    errors: tuple[type[Exception], ...]
    samples: Callable[[], Sequence[bytes]]
    write: Callable[[Any], bytes] | None = None


def _of_bytes(reader: Callable[[bytes], Any]) -> Callable[[bytes, Path], Any]:
    def read(raw: bytes, _: Path) -> Any:
        return reader(raw)

    return read


def _of_file(name: str, reader: Callable[[Path], Any]) -> Callable[[bytes, Path], Any]:
    def read(raw: bytes, folder: Path) -> Any:
        path = folder / name
        path.write_bytes(raw)
        path.chmod(0o600)
        return reader(path)

    return read


def _frames(raw: bytes) -> list[tuple[int, bytes]]:
    """Read a stream of chunks; an answer's own chunk would be larger than these."""
    stream = pb.Advance.FromString(raw)  # any message with repeated bytes inside
    assembler, whole = Assembler(LIMIT_BYTES, at_once=2, size=CHUNK), list[tuple[int, bytes]]()
    for share in stream.keys:
        found = assembler.add(pb.Chunk.FromString(share.ek))
        whole += [found] if found else []
    return whole


def _records(raw: bytes) -> Parcel:
    """Read records whose head was written by somebody else: kind, number of parts, bytes."""
    kind, parts, body = [*raw.split(b"\n", 2), b"", b""][:3]
    head = dict(pack(Parcel(Record.REQUEST, body))["riskset"])
    head["kind"] = kind.decode("latin-1")
    head["parts"] = int(parts) if parts.isdigit() and len(parts) < 20 else parts
    return unpack({"riskset": head}, LIMIT_BYTES)


def _invitation(raw: bytes) -> Any:
    return parse_invitation(raw.decode("latin-1"))


def _blocks(path: Path) -> int:
    def every(header: Sequence[str]) -> dict[str, int]:
        return {name: at for at, name in enumerate(header)}

    return sum(len(block) for block in read_blocks(path, every, block_bytes=512))


def _ledger(raw: bytes, folder: Path) -> int:
    # A folder each: SQLite keeps files of its own beside a database.
    here = folder / f"ledger-{next(_numbers)}"
    here.mkdir()
    path = here / "ledger.db"
    path.write_bytes(raw)
    path.chmod(0o600)
    ledger = Ledger.open(path, here / "head")
    try:
        return sum(len(line.body or b"") for line in ledger.lines())
    finally:
        ledger.close()


_numbers = count()


def _inbox(raw: bytes, folder: Path) -> Any:
    state = samples.state(folder)
    state.inbox.mkdir(exist_ok=True)
    (state.inbox / "1.item").write_bytes(raw)
    return [item for _, item in waiting(state)]


def _bundle(path: Path) -> int:
    with open_bundle(path) as bundle:
        return len(bundle.rosters) + len(bundle.shares) + bundle.trips + len(bundle.seal.signature)


def _mapping(path: Path) -> Any:
    return read_mapping(path, samples.plan())


def _session(raw: bytes) -> tuple[int, bytes]:
    return samples.session().open_request(raw)


def _seal(opened: tuple[int, bytes]) -> bytes:
    made: Session = samples.session()
    return made.seal_request(*opened)


def _patterns(raw: bytes, folder: Path) -> Marks:
    """Read a file that the ledger names by the digest of what was written."""
    path = folder / "patterns"
    path.write_bytes(raw)
    return marks_of(path, hashlib.sha256(samples.patterns()[0]).digest())


def _consent(path: Path) -> list[dict[str, str]]:
    return read_consents([path], "crlm")


def _review(path: Path) -> Any:
    """Read what a look at a plan found; a damaged file counts as none."""
    return reviewed(path)


def _sum(raw: bytes) -> Any:
    """Read words of a sum: as many as there are, whatever was sent."""
    view, block, right = samples.summed()
    words = raw[: len(right)].ljust(len(right), b"\0")
    return read_sum(view, block, np.frombuffer(words, dtype="<u8"))


def _edition(path: Path) -> Any:
    return read_cells(path, study_results().study.id)


def _plan(raw: bytes) -> Plan:
    return read_plan(plan_text(raw, "a plan"), "a plan")


def _member(kind: type[Any]) -> Callable[[bytes, Path], Any]:
    return _of_bytes(partial(_read_member, kind))


def _read_member(kind: type[Any], raw: bytes) -> Any:
    return read_plain(kind, raw, "a member")


MESSAGE = (MessageError,)

TARGETS = (
    Target(
        "request",
        _of_bytes(codec.decode_request),
        MESSAGE,
        samples.requests,
        codec.encode_request,
    ),
    Target("reply", _of_bytes(codec.decode_reply), MESSAGE, samples.replies, codec.encode_reply),
    Target("trip", _of_bytes(codec.decode_trip), MESSAGE, samples.trips, codec.encode_trip),
    Target("result", _of_bytes(codec.decode_result), MESSAGE, samples.results, codec.encode_result),
    Target("shares", _of_bytes(codec.decode_shares), MESSAGE, samples.shares, codec.encode_shares),
    Target("frames", _of_bytes(_frames), (MessageError, DecodeError), samples.frames),
    Target("heads", _of_bytes(read_heads), MESSAGE, samples.heads),
    Target(
        "offer",
        _of_bytes(lambda raw: offer_of(Parcel(Record.OFFER, raw))),
        MESSAGE,
        samples.offers,
        lambda said: pack_offer(said).body,
    ),
    Target(
        "accept",
        _of_bytes(lambda raw: read_accept(Parcel(Record.ACCEPT, raw))),
        MESSAGE,
        samples.accepts,
        lambda said: pack_accept(said).body,
    ),
    Target("records", _of_bytes(_records), MESSAGE, samples.records),
    Target("sealed-envelope", _of_bytes(_session), (SealError,), samples.sealed, _seal),
    Target(
        "roster", _of_bytes(Roster.from_bytes), (RosterError,), samples.rosters, Roster.to_bytes
    ),
    Target("roster-file", _of_bytes(read_roster_file), (RosterError,), samples.roster_files),
    Target(
        "federation",
        _of_bytes(Federation.from_bytes),
        (TrustError, CertificateError),
        samples.federations,
        Federation.to_bytes,
    ),
    Target(
        "proposal",
        _of_bytes(Proposal.from_bytes),
        (ProposalError,),
        samples.proposals,
        Proposal.to_bytes,
    ),
    Target(
        "decision",
        _of_bytes(Decision.from_bytes),
        (DecisionError,),
        samples.decisions,
        Decision.to_bytes,
    ),
    Target("plan-sent", _of_bytes(read_canonical), (ProblemsError,), samples.plans_sent, canonical),
    Target("plan", _of_bytes(_plan), (ProblemsError,), samples.plans),
    Target(
        "invitation",
        _of_bytes(_invitation),
        (InvitationError,),
        samples.invitations,
    ),
    Target("keys-of-a-run", _of_file("run.keys", read_keys), (FolderError,), samples.keys),
    Target("ledger", _ledger, (LedgerError, RolledBackError, Unavailable), samples.ledgers),
    Target("ledger-line", _of_bytes(parts_of), (LedgerError,), samples.lines),
    Target("inbox", _inbox, (Unavailable,), samples.items),
    Target("site.toml", _of_file("site.toml", read_site_config), (ProblemsError,), samples.sites),
    Target(
        "coordinator.toml",
        _of_file("coordinator.toml", read_office_config),
        (ProblemsError,),
        samples.offices,
    ),
    Target("mapping", _of_file("mapping.toml", _mapping), (ProblemsError,), samples.mappings),
    Target("extract", _of_file("extract.csv", _blocks), (ProblemsError,), samples.extracts),
    Target("bundle", _of_file("bundle.zip", _bundle), (BundleError,), samples.bundles),
    Target("bundle-trip", _member(Trip), (BundleError,), samples.trip_members, written),
    Target("bundle-result", _member(Result), (BundleError,), samples.result_members, written),
    Target(
        "bundle-keys",
        _member(tuple[KeyShare, ...]),
        (BundleError,),
        samples.key_members,
        written,
    ),
    Target("bundle-sums", _of_bytes(read_sums), (BundleError,), samples.sums_lists, written),
    Target(
        "bundle-closing",
        _of_bytes(partial(read_closing, name="a member")),
        (BundleError,),
        samples.closings,
        written,
    ),
    Target("bundle-salts", _of_bytes(read_salts), (BundleError,), samples.salts, written),
    Target(
        "results",
        _of_file("results.json", read_results),
        (ResultsFileError,),
        samples.results_files,
    ),
    Target(
        "edition", _of_file("publication.json", _edition), (EditionFileError,), samples.editions
    ),
    Target(
        "edition-read",
        _of_bytes(partial(read_published, name="publication.json")),
        (EditionFileError,),
        samples.editions,
    ),
    Target("knock", _of_bytes(joining.knock), (MessageError, InvitationError), joining.knocks),
    Target("proof", _of_bytes(joining.proof), (MessageError, InvitationError), joining.proofs),
    Target(
        "card",
        _of_bytes(joining.card),
        (MessageError, InvitationError, TrustError, CertificateError, LineError),
        joining.cards,
    ),
    Target("certificate", _of_bytes(hosts_of), (CertificateError,), samples.certificates),
    Target("sum", _of_bytes(_sum), (SumError,), samples.sums),
    Target("patterns", _patterns, (LedgerError,), samples.patterns),
    Target("review", _of_file("review", _review), (), samples.reviews),
    Target("office-key", _of_file("office.key", read_seed), (KeyFileError,), samples.seeds),
    Target(
        "authority-key",
        _of_file("authority.key", read_authority_seed),
        (FederationError,),
        samples.seeds,
    ),
    Target("consent", _of_file("consent.json", _consent), (DraftError,), samples.consents),
)
"""All targets. A new reader of foreign bytes gets its line here."""


def declared(target: Target) -> bool:
    """Say whether all that a target may raise is a sentence to a person, or protobuf's own."""
    return all(issubclass(error, FederationError | DecodeError) for error in target.errors)
