"""Programs as generators: how steps are asked, played side by side, and replayed.

A program yields trips (tuples of steps) and is sent the answers. What it asks next is a pure
function of the answers so far, so hospitals, coordinator and auditors replay the same program.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from protocol.question import Answer, AnyStep, Step

L = TypeVar("L")
T = TypeVar("T")

Trip = tuple[AnyStep, ...]
Answers = tuple[Answer, ...]
Play = Generator[Trip, Answers, T]


def ask(step: Step[L]) -> Play[L]:
    """Ask one step and return what was learnt."""
    (answer,) = yield (step,)
    learnt: L = answer.learnt
    return learnt


def tell(step: Step[L]) -> Play[L | None]:
    """Ask one step whose total may be withheld; nothing later may depend on it."""
    (answer,) = yield (step,)
    return None if answer.opened is None else answer.learnt


def together(parts: Iterable[Play[T]]) -> Play[list[T]]:
    """Play parts side by side: each trip carries the next question of every part still running."""
    running = dict(enumerate(parts))
    done: dict[int, T] = {}
    questions: dict[int, Trip] = {}

    def advance(part: int, answers: Answers | None) -> None:
        try:
            play = running[part]
            questions[part] = next(play) if answers is None else play.send(answers)
        except StopIteration as end:
            questions.pop(part, None)
            done[part] = end.value

    for part in running:
        advance(part, None)
    while questions:
        asked = dict(questions)
        answers = iter((yield tuple(step for trip in asked.values() for step in trip)))
        for part, trip in asked.items():
            advance(part, tuple(next(answers) for _ in trip))
    return [done[part] for part in running]


def both(first: Play[L], second: Play[T]) -> Play[tuple[L, T]]:
    """Play two parts side by side."""
    parts: list[Play[Any]] = [first, second]
    one, other = yield from together(parts)
    return one, other


@dataclass(frozen=True)
class Finished(Generic[T]):
    """A program that has no further question, and what it returned."""

    value: T


def next_trip(program: Callable[[], Play[T]], answers: Sequence[Answers]) -> Trip | Finished[T]:
    """Replay a program from its start and return its next question.

    Answers remember what was learnt from them, so a replay costs little.
    """
    play = program()
    try:
        trip = next(play)
        for answer in answers:
            trip = play.send(answer)
    except StopIteration as end:
        return Finished(end.value)
    return trip
