"""Signed rosters as messages, and back."""

from collections.abc import Iterable

from protocol.governance.signed import SignedRoster
from protocol.wire import federation_pb2 as pb


def write_rosters(rosters: Iterable[SignedRoster]) -> list[pb.SignedRoster]:
    """Write signed rosters, as `Welcome` and `JoinReceipt` hold them."""
    return list(map(_write_roster, rosters))


def read_rosters(messages: Iterable[pb.SignedRoster]) -> tuple[SignedRoster, ...]:
    """Read signed rosters. Nothing in them is checked yet."""
    return tuple(map(_read_roster, messages))


def _write_roster(roster: SignedRoster) -> pb.SignedRoster:
    signatures = [pb.Signature(key=key, signature=s) for key, s in roster.signatures]
    return pb.SignedRoster(payload=roster.payload, signatures=signatures)


def _read_roster(roster: pb.SignedRoster) -> SignedRoster:
    return SignedRoster(roster.payload, tuple((s.key, s.signature) for s in roster.signatures))
