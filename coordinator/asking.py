"""Asks all hospitals of a run one question and waits for every answer.

Waiting ends with the last answer, at the deadline that everybody was told, by a refusal, or
because a person or the daemon wants it to. What came meanwhile is kept in the journal, so that a
hospital need not be there again; a deadline opens nothing.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from coordinator.carriers import Carrier
from coordinator.journal import Event, Journal, Kind, Message, RunState, Wish
from coordinator.judge import Question, RefusedError, ReplyError
from coordinator.points import At, Point
from protocol.errors import Exit, FederationError
from protocol.ids import SiteId

T = TypeVar("T")

LOOK_SECONDS = 0.25
"""How often a waiting run looks for a person's wish, and writes down what came."""

LONGEST_REST_SECONDS = 32.0


class InterruptedByWishError(Exception):
    """The daemon stops, or a person wants the run to end: nothing is wrong with it."""


class NoAnswerError(FederationError):
    """Hospitals did not answer before the deadline."""

    code = "no-answer"
    exit = Exit.UNREACHABLE
    fix = "`riskset run resume` waits again; `riskset run abort` ends the run, which is always safe"


@dataclass(frozen=True)
class Heard(Generic[T]):
    """An answer: its bytes as they came, and what they say."""

    raw: bytes
    said: T


@dataclass(frozen=True)
class Patience:
    """How long to wait, and how often to ask a hospital again that answers wrongly."""

    hours: float = 72
    tries: int = 8


@dataclass(frozen=True)
class Asker:
    """What asking needs beside the question."""

    journal: Journal
    carrier: Carrier
    now: Callable[[], datetime]
    at: At
    stopped: Callable[[], bool]
    pause: Callable[[float], None]
    tries: int


@dataclass(frozen=True)
class Gathered(Generic[T]):
    """All answers, and what of them the journal has yet to be given."""

    heard: Mapping[SiteId, T]
    messages: tuple[Message, ...]
    events: tuple[Event, ...]


def gather(
    asker: Asker, question: Question[T], state: RunState, kind: Kind, deadline: datetime
) -> Gathered[T]:
    """Ask until every hospital has answered.

    Answers that the journal has already are judged as if they came now.

    Raises
    ------
    InterruptedByWishError
        If `stopped` says so, or a person wants the run to be aborted.
    RefusedError
        If a hospital refuses.
    NoAnswerError
        If the deadline passes.
    ReplyError
        If one hospital answers wrongly too often.
    """
    hearing = _Hearing(asker, question, state, kind, deadline)
    for site, raw in asker.journal.bodies(kind, question.trip).items():
        hearing.heard[site] = question.answered(site, raw)
    try:
        while missing := hearing.missing:
            hearing.require_patience(missing)
            hearing.ask(missing)
    except (FederationError, InterruptedByWishError):
        hearing.flush()
        raise
    return Gathered(hearing.heard, tuple(hearing.messages), tuple(hearing.events))


class _Hearing(Generic[T]):
    """One question while its answers come in."""

    def __init__(
        self,
        asker: Asker,
        question: Question[T],
        state: RunState,
        kind: Kind,
        deadline: datetime,
    ) -> None:
        self.heard: dict[SiteId, T] = {}
        self.messages: list[Message] = []
        self.events: list[Event] = []
        self._asker, self._question = asker, question
        self._state, self._kind, self._deadline = state, kind, deadline
        self._wrong: dict[SiteId, int] = {}
        self._looked = asker.now()
        self._wished = asker.journal.wish() is Wish.ABORT

    @property
    def missing(self) -> list[SiteId]:
        """Who has not answered."""
        return [site for site in self._question.run.roster.sites if site not in self.heard]

    def over(self) -> bool:
        """Say whether to stop waiting; looks into the journal now and then, not at every call."""
        now = self._asker.now()
        # The size of the difference, as a clock may be set back.
        if abs((now - self._looked).total_seconds()) >= LOOK_SECONDS:
            self.flush()
            self._wished = self._asker.journal.wish() is Wish.ABORT
            self._looked = now
        return self._wished or self._asker.stopped()

    def require_patience(self, missing: list[SiteId]) -> None:
        """End the waiting when it is to end."""
        if self.over():
            raise InterruptedByWishError
        if self._asker.now() >= self._deadline:
            names = ", ".join(missing)
            raise NoAnswerError(f"no answer to {self._question.what} from {names} in time")

    def flush(self) -> None:
        """Write down what came in, so that nobody has to send it again after a crash."""
        if self.messages:
            self._asker.journal.write(
                self._asker.now(), was=[self._state], messages=self.messages, events=self.events
            )
            self.messages.clear()
            self.events.clear()

    def ask(self, missing: list[SiteId]) -> None:
        """Send the request to who has not answered; come back when one has to be asked again."""
        requests = dict.fromkeys(missing, self._question.raw)
        arrivals = self._asker.carrier.exchange(requests, self._deadline, self.over)
        before, rest = len(self.heard), 0.0
        try:
            for number, (site, raw) in enumerate(arrivals):
                if number == 0:
                    self._asker.at(Point.SENT)
                # A duplicate is harmless, and a reply from elsewhere not the carrier's to give.
                if site in missing and site not in self.heard and not self._hear(site, raw):
                    rest = _seconds(self._wrong[site])
                    break
                if not self.missing:
                    break
            else:  # the carrier gave up: do not ask it in a circle
                rest = 0.0 if len(self.heard) > before else 1.0
        finally:
            if isinstance(arrivals, Generator):
                arrivals.close()
        self._rest(rest)

    def _hear(self, site: SiteId, raw: bytes) -> bool:
        """Take in an answer; write down what is none, and say so."""
        now, question = self._asker.now(), self._question
        try:
            self.heard[site] = question.answered(site, raw)
        except RefusedError:
            raise
        except FederationError as error:
            self._ignore(site, len(raw), error)
            return False
        self.messages.append(Message(self._kind, question.trip, raw, site))
        self.events.append(Event(now, "answered", question.trip, site, len(raw)))
        self._asker.at(Point.REPLY_RECEIVED)
        return True

    def _ignore(self, site: SiteId, size: int, error: FederationError) -> None:
        """Write down a reply that is no answer, and give up at the last try."""
        tries = self._wrong[site] = self._wrong.get(site, 0) + 1
        now, question = self._asker.now(), self._question
        event = Event(now, "ignored", question.trip, site, size, f"{error} [{error.code}]")
        self._asker.journal.write(now, was=[self._state], events=[event])
        if tries >= self._asker.tries:
            raise ReplyError(f"{site} was asked {tries} times for {question.what}: {error}")

    def _rest(self, seconds: float) -> None:
        """Wait before asking again, but not beyond what is asked for meanwhile."""
        while seconds > 0 and not self.over() and self._asker.now() < self._deadline:
            self._asker.pause(min(LOOK_SECONDS, seconds))
            seconds -= LOOK_SECONDS


def _seconds(tries: int) -> float:
    """Ask again at once after the first wrong answer, then with longer and longer rests."""
    return min(LONGEST_REST_SECONDS, 2.0 ** (tries - 2)) if tries > 1 else 0.0
