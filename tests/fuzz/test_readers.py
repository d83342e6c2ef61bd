"""Every reader of foreign bytes keeps its word for what it raises, takes and takes to be equal."""

import itertools
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.fuzz.bending import TRAPS, bent
from tests.fuzz.bounds import TooLongError, bounded, hold
from tests.fuzz.targets import TARGETS, Target, declared

NAMES = [target.name for target in TARGETS]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@pytest.mark.parametrize("target", TARGETS, ids=NAMES)
def test_the_first_sample_is_read(target: Target, folder: Path) -> None:
    """Else bent samples would never get beyond the door."""
    assert declared(target)
    assert hold(target, target.samples()[0], folder)


@pytest.mark.parametrize("target", TARGETS, ids=NAMES)
@settings(
    max_examples=15,
    database=None,
    phases=(Phase.generate,),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_bent_bytes(target: Target, folder: Path, data: st.DataObject) -> None:
    hold(target, data.draw(bent(target.samples())), folder)


@pytest.mark.parametrize("target", TARGETS, ids=NAMES)
def test_large_traps(target: Target, folder: Path) -> None:
    """Half a megabyte of one thing, alone and inside what was right."""
    sample = target.samples()[0]
    for trap in TRAPS:
        much = (trap * (2**16 // len(trap) + 1))[: 2**16]
        hold(target, much, folder)
        middle = len(sample) // 2
        hold(target, sample[:middle] + much + sample[middle:], folder)


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("plan", b"a." * 990 + b"a=1"),  # nests without a bracket
        ("plan", b"a." * 400_000 + b"a=1"),  # takes a parser hours
        ("extract", b"id\n\n1\n"),  # a first row without a column
    ],
)
def test_what_broke_once(name: str, raw: bytes, folder: Path) -> None:
    (target,) = (target for target in TARGETS if target.name == name)
    hold(target, raw, folder)


def test_the_bounds_bind() -> None:
    with pytest.raises(AssertionError, match="took"), bounded():
        bytearray(70 << 20)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.fuzz.bounds.MOST_SECONDS", 0.05)
        with pytest.raises(TooLongError), bounded():
            sum(1 for _ in itertools.count())


def test_a_reader_that_breaks_its_word_is_caught(folder: Path) -> None:
    def read(raw: bytes, _: Path) -> str:
        return raw.decode("utf-8").strip()

    careless = Target("careless", read, (), lambda: [b"x"], str.encode)
    assert hold(careless, b"x", folder)
    with pytest.raises(AssertionError, match="second encoding"):
        hold(careless, b" x", folder)
    with pytest.raises(UnicodeDecodeError):
        hold(careless, b"\xff", folder)
