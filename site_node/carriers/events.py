"""What a carrier tells its operator and the log: every change, and no try in silence."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from protocol.errors import FederationError


@dataclass(frozen=True)
class Connected:
    """The coordinator knows this hospital. `skew` is its clock less ours."""

    office: str
    software: str
    skew: timedelta


@dataclass(frozen=True)
class Down:
    """There is no connection, why, and in how many seconds the next try is.

    `changed` is false where the try before failed for the same reason: a screen need not say it
    again, a log does.
    """

    error: FederationError
    retry_seconds: float
    changed: bool


@dataclass(frozen=True)
class Warned:
    """The coordinator has something to say to the operator; the connection goes on."""

    error: FederationError


@dataclass(frozen=True)
class Faulty:
    """The node failed at a request. It goes unanswered until the next connection."""

    error: BaseException


@dataclass(frozen=True)
class Stopping:
    """The carrier was told to stop; if `busy`, it first finishes the answer in hand."""

    busy: bool


Event = Connected | Down | Warned | Faulty | Stopping
Tell = Callable[[Event], None]
