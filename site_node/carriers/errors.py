"""What keeps a hospital from its coordinator, each as one sentence to its operator."""

from typing import Self

from protocol import PROGRAM_VERSION
from protocol.errors import Exit, FederationError
from protocol.governance.invitation import Denial as NotInvited
from protocol.governance.invitation import InvitationError
from protocol.wire import federation_pb2 as pb
from protocol.wire.service import WIRE, Denial
from site_node.doctor.check import Check


class LineError(FederationError):
    """There is no line to the coordinator. `reason` is stable and finer than `code`."""

    code = "unreachable"
    exit = Exit.UNREACHABLE

    def __init__(self, message: str, fix: str, reason: str) -> None:
        super().__init__(message, fix)
        self.reason = reason

    @classmethod
    def of(cls, check: Check) -> Self:
        """Take over what the doctor found."""
        message = f"{check.told}. {check.why}" if check.why else check.told
        return cls(message, check.fix, check.code)


class InterceptedError(LineError):
    """What answers is not the federation's coordinator, or somebody is in between."""

    code = "intercepted"
    exit = Exit.TAMPERING


class NodeFaultError(LineError):
    """The line is fine, and the node itself failed at a request."""

    code = "fault"
    exit = Exit.CHECK_FAILED


class TurnedAwayError(LineError):
    """The coordinator ended the stream and said why."""

    code = "turned-away"


_ASK = "ask the coordinating centre"

_TURNED_AWAY = {
    Denial.IDENTITY: (
        "the coordinator knows no hospital {site} with this identity key",
        "compare id and the six words of the key with the roster by telephone; if the hospital has "
        "only just joined, wait for the roster that names it",
    ),
    Denial.SECOND: (
        "another program is connected with this hospital's identity key, and is alive",
        "stop the other one if it is yours; if it is not, the key is stolen: tell the coordinating "
        "centre by telephone",
    ),
    Denial.REPLACED: (
        "a newer connection with this hospital's identity key has taken over",
        "if no other program of this hospital is running, the key is stolen: tell the coordinating "
        "centre by telephone",
    ),
    Denial.BUSY: (
        "the coordinator has too many new connections at the moment",
        "nothing to do: it is tried again",
    ),
    Denial.SLOW: (
        "the coordinator waited too long for this computer",
        "look whether this computer or its network is overloaded",
    ),
    Denial.MESSAGE: (
        "the coordinator could not read what it was sent",
        "let both ends use the same version of riskset; ask IT whether a proxy changes traffic",
    ),
    Denial.CLOSING: (
        "the coordinator is shutting down or starting again",
        "nothing to do: it is tried again",
    ),
    Denial.FAULT: (
        "the coordinator has a fault of its own",
        f"{_ASK} to look into its log",
    ),
}


def turned_away(denied: pb.Denied, site: str) -> TurnedAwayError:
    """Say in words why the coordinator ended a stream."""
    program = printable(denied.program)
    match denied.code:
        case Denial.WIRE:
            sentence = f"the coordinator speaks version {denied.wire} of the line, we {WIRE}"
            newer = denied.wire > WIRE
        case Denial.PROGRAM:
            sentence = f"the coordinator runs version {program!r} of the study program, "
            sentence += f"we {PROGRAM_VERSION!r}"
            newer = program > PROGRAM_VERSION
        case code if code in _TURNED_AWAY:
            said, fix = _TURNED_AWAY[Denial(code)]
            return TurnedAwayError(said.format(site=site), fix, code)
        case code:
            said = f"the coordinator ends the connection: {printable(code)!r}"
            return TurnedAwayError(said, f"{_ASK} what that means", "unknown-denial")
    here = "update riskset at this hospital" if newer else f"{_ASK} to update riskset"
    fix = f"{here}; the coordinator has {printable(denied.software) or 'another version'}"
    return TurnedAwayError(sentence, fix, denied.code)


def noticed(notice: pb.Notice) -> TurnedAwayError:
    """Say in words what the coordinator wants the operator to know."""
    if notice.code == Denial.SECOND:
        return TurnedAwayError(
            "another program logged in with this hospital's identity key, and was turned away",
            "if it was not yours, the key is stolen: tell the coordinating centre by telephone",
            Denial.SECOND,
        )
    said = f"the coordinator lets us know: {printable(notice.code)!r}"
    return TurnedAwayError(said, f"{_ASK} what that means", "unknown-notice")


def not_joined(denied: pb.Denied, site: str) -> FederationError:
    """Say in words why the coordinating centre ended a joining."""
    try:
        return InvitationError(NotInvited(denied.code))
    except ValueError:
        return turned_away(denied, site)


def printable(text: str) -> str:
    """Keep what prints: a terminal obeys escape codes."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)[:40]
