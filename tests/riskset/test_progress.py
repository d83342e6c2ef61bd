"""Progress on a terminal, when piped, and in silence."""

import io

import pytest
from rich.console import Console

from protocol.layout import Layout, count
from protocol.run import Asked
from protocol.secagg.messages import Block
from riskset.progress import Progress


def asked(trip: int, *names: str) -> tuple[Asked, ...]:
    """Give a trip whose steps send two numbers each."""
    layout = Layout((count("n", (2,), "patients", 10),))
    return tuple(Asked(trip, name, (), Block(1, name, layout, b"")) for name in names)


def shown(monkeypatch: pytest.MonkeyPatch, *, terminal: bool, quiet: bool = False) -> str:
    out = io.StringIO()
    made = Console(file=out, force_terminal=terminal, width=90, color_system=None)
    monkeypatch.setattr("riskset.progress.console", lambda **_: made)
    with Progress(quiet=quiet) as progress:
        progress.stage("Read the extracts")
        progress.detail("9 rows of 3 hospitals")
        progress.watch(asked(1, "lock/1"))
        progress.watch(asked(2, "flow/1", "describe/1"))
        progress.watch(asked(3, "score/1"))
        progress.watch(asked(4, "score/1"))
        progress.watch(asked(5, "risk-table/1", "slices/1"))
        progress.watch(asked(6, "slices/1"))  # after outcomes are open, all is about them
        progress.stage("Write results and report")
    return out.getvalue()


def test_a_line_a_stage_when_piped(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, terminal=False).splitlines() == [
        "Read the extracts: 9 rows of 3 hospitals",
        "Lock every extract: 1 trip, 2 numbers from each hospital",
        "Count and describe patients: 1 trip, 4 numbers from each hospital",
        "Fit the propensity model: 2 trips, 4 numbers from each hospital",
        "Compare outcomes: 2 trips, 6 numbers from each hospital",
        "Write results and report: done",
    ]


def test_a_live_list_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    last = shown(monkeypatch, terminal=True).rpartition("Read the extracts")[2]
    assert last.count("●") == 5
    assert "◐" not in last
    assert "2 trips, 6 numbers from each hospital" in last


def test_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, terminal=True, quiet=True) == ""
