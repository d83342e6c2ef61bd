"""Every reader of foreign bytes keeps its word for what it raises, takes and takes to be equal."""

import ast
import itertools
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import CodeType, FrameType

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.fuzz.bending import TRAPS, bent
from tests.fuzz.bounds import TooLongError, bounded, hold
from tests.fuzz.targets import TARGETS, Target, declared

ROOT = Path(__file__).parents[2]
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


READS = re.compile(r"^(read|decode|parse|unpack|load)(_|$)|(^|_)from_bytes$")
"""How a function is called that makes values of bytes, files or messages."""

PACKAGES = ("protocol", "site_node", "coordinator", "riskset")

EXCUSED = {
    # No bytes of somebody else's.
    "coordinator/store.py::Store.read": "opens a transaction",
    "riskset/plans/__init__.py::read_builtin": "a plan of this package's own",
    "riskset/plans/__init__.py::read_schema": "a schema of this package's own",
    "riskset/synthetic/packaged.py::unpack": "files of this package's own",
    "site_node/data/encoding.py::Bytes.read": "passes bytes on to the extract's reader",
    "site_node/serving.py::load_libraries": "imports libraries early",
    # Made of readers that are here.
    "riskset/serving.py::read_federation": "target federation, from the settings' path",
    "riskset/simulate.py::read_hospitals": "targets extract and mapping, for every file",
    "site_node/approvals.py::Approvals.read": "targets proposal and decision, line by line",
    "site_node/config.py::read_approved": "target plan, for every plan of the settings",
    "site_node/data/check.py::read_extract": "target extract, then tests/site_node/data",
    "site_node/data/snapshot.py::load_snapshot": "targets extract and mapping, of one plan",
    "site_node/data/snapshot.py::load_snapshots": "targets extract and mapping, of every plan",
    "site_node/node.py::read_federation": "target federation, from the state folder",
    "site_node/plan_file.py::read_plan_file": "target plan, from a path",
    # Lines of the hospital's own ledger: target ledger-line, then messages that have targets.
    "site_node/course.py::read_answer": "a line that this node wrote",
    "site_node/course.py::read_course": "lines that this node wrote",
    "site_node/course.py::read_done": "a line that this node wrote",
    "site_node/course.py::read_opening": "a line that this node wrote",
    # Tested elsewhere, and no bytes with a form.
    "site_node/data/units.py::parse_unit": "a word of a mapping; site_node/data/test_units.py",
    "site_node/deciding.py::read_operator": "32 bytes or none; site_node/test_approvals.py",
}
"""Readers without a target, and why they need none."""


def named_readers() -> set[str]:
    """List every public function and method that is called like a reader, as `file::name`."""
    found = set[str]()
    for path in (one for package in PACKAGES for one in (ROOT / package).rglob("*.py")):
        if not path.stem.endswith(("_pb2", "_pb2_grpc")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found |= {f"{path.relative_to(ROOT)}::{name}" for name in _readers(tree)}
    return found


def _readers(tree: ast.AST, inside: str = "") -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                if READS.search(name):
                    yield inside + name
            case ast.ClassDef(name=name) if not name.startswith("_"):
                yield from _readers(node, f"{inside}{name}.")


def reached(folder: Path) -> set[str]:
    """List what the targets call while they read their samples."""
    codes = set[CodeType]()

    def watch(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            codes.add(frame.f_code)

    for target in TARGETS:
        for sample in target.samples():
            sys.setprofile(watch)
            try:
                with suppress(*target.errors):
                    target.read(sample, folder)
            finally:
                sys.setprofile(None)
    files = {code: Path(code.co_filename) for code in codes}
    return {
        f"{path.relative_to(ROOT)}::{code.co_qualname}"
        for code, path in files.items()
        if path.is_relative_to(ROOT)
    }


def test_every_reader_is_a_target_or_excused(folder: Path) -> None:
    """A new reader fails here until it has a target; so does an excuse that holds no more."""
    assert named_readers() - reached(folder) == set(EXCUSED)


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
