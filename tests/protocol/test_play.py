"""Programs as generators: asked, told, played side by side, replayed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.cohort import Cohort
from protocol.layout import Layout, Release
from protocol.play import Answers, Finished, Play, ask, both, next_trip, tell, together
from protocol.question import Answer, Key, Opened, Record, Silent, WithheldError


@dataclass(frozen=True)
class Toy(Silent):
    """A step that learns its own key and the number of patients."""

    name: ClassVar[str] = "toy/1"
    partners_only: ClassVar[bool] = False
    part: str
    number: int

    def key(self) -> Key:
        return self.part, self.number

    def layout(self) -> Layout:
        return Layout(())

    def local(self, cohort: Cohort) -> Release:  # noqa: ARG002
        return {}

    def learn(self, opened: Opened) -> str:
        return f"{self.part}{self.number}:{opened.patients}"


def opened(patients: int = 0) -> Opened:
    return Opened({}, (), patients, 0, {})


def count_to(part: str, last: int) -> Play[list[str]]:
    found: list[str] = []
    for number in range(last):
        found += [(yield from ask(Toy(part, number)))]
    return found


def drive(play: Play[object]) -> tuple[list[list[Key]], object]:
    """Answer everything; return the keys of each trip and what the play returns."""
    trips: list[list[Key]] = []
    try:
        trip = next(play)
        while True:
            trips.append([step.key() for step in trip])
            trip = play.send(tuple(Answer(step, opened(len(trips))) for step in trip))
    except StopIteration as end:
        return trips, end.value


def test_side_by_side_a_trip_carries_the_next_question_of_each_part() -> None:
    def play() -> Play[object]:
        return (yield from together([count_to("a", 2), count_to("b", 0), count_to("c", 3)]))

    trips, found = drive(play())
    assert trips == [[("a", 0), ("c", 0)], [("a", 1), ("c", 1)], [("c", 2)]]
    assert found == [["a0:1", "a1:2"], [], ["c0:1", "c1:2", "c2:3"]]


@given(st.lists(st.integers(0, 4), max_size=5))
def test_each_part_learns_what_it_would_learn_alone(lengths: list[int]) -> None:
    def play() -> Play[object]:
        return (yield from together([count_to(f"p{k}", n) for k, n in enumerate(lengths)]))

    trips, found = drive(play())
    assert len(trips) == max(lengths, default=0)
    assert found == [drive(count_to(f"p{k}", n))[1] for k, n in enumerate(lengths)]


def test_parts_within_parts() -> None:
    def inner() -> Play[object]:
        return (yield from both(count_to("x", 1), count_to("y", 2)))

    def play() -> Play[object]:
        return (yield from both(inner(), count_to("z", 2)))

    trips, found = drive(play())
    assert trips == [[("x", 0), ("y", 0), ("z", 0)], [("y", 1), ("z", 1)]]
    assert found == ((["x0:1"], ["y0:1", "y1:2"]), ["z0:1", "z1:2"])


def test_a_withheld_total_is_told_as_none_and_asked_as_an_error() -> None:
    for question, expected in ((tell, None), (ask, WithheldError)):
        play = question(Toy("a", 0))
        (step,) = next(play)
        withheld = (Answer(step, None),)
        if expected is None:
            with pytest.raises(StopIteration) as end:
                play.send(withheld)
            assert end.value.value is None
        else:
            with pytest.raises(WithheldError, match="total of toy/1 is withheld"):
                play.send(withheld)


def test_replay_comes_to_the_same_question_and_learns_once(monkeypatch: pytest.MonkeyPatch) -> None:
    learnt: Iterator[int] = iter(range(9))
    counted: list[int] = []

    def learn(self: Toy, total: Opened) -> str:
        counted.append(next(learnt))
        return "learnt"

    monkeypatch.setattr(Toy, "learn", learn)
    answers: list[Answers] = []
    for number in range(3):
        trip = next_trip(lambda: count_to("a", 3), answers)
        assert not isinstance(trip, Finished)
        assert [step.key() for step in trip] == [("a", number)]
        answers.append(tuple(Answer(step, opened()) for step in trip))
    assert next_trip(lambda: count_to("a", 3), answers) == Finished(["learnt"] * 3)
    assert counted == [0, 1, 2]


def test_the_record_finds_answers_by_name_and_key() -> None:
    answers = [
        Answer(Toy("a", 0), opened(5)),
        Answer(Toy("a", 1), None),
        Answer(Toy("b", 0), opened(7)),
    ]
    record = Record(answers)
    assert record.get("toy/1", "a", 0) == "a0:5"
    assert record.get("toy/1", "a", 1) is None
    assert record.get("toy/1", "c", 0) is None
    assert record.of("toy/1") == [(("a", 0), "a0:5"), (("b", 0), "b0:7")]
