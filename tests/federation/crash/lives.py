"""Processes of a federation: what runs in each, and where it is to be killed.

`office` and `hospital` are what `riskset serve` and `riskset-site serve` do, in a process of its
own: a real port with TLS, real folders, a real SIGKILL. They are started by a server that has
loaded all libraries and nothing of gRPC's threads, so that a process begins in milliseconds.
"""

import json
import os
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path
from threading import Event, get_ident
from typing import Any
from unittest.mock import patch

import riskset.serving
import site_node.carriers.grpc
import site_node.serving
from coordinator.carriers.sessions import Switchboard
from coordinator.config import read_config
from protocol import PROGRAM_VERSION
from protocol.ids import SiteId
from protocol.run import Played
from riskset.serving import serve_centre
from site_node.carriers import backoff
from site_node.folder import write_private
from site_node.ledger import Ledger
from site_node.serving import ending_by_signal, prepared
from tests.federation.crash.ground import SOFTWARE, totals
from tests.federation.crash.mounts import mounted_on_itself


@dataclass
class Death:
    """Kills its own process when it passes a point for the nth time.

    With another `how` it is stopped there until somebody goes on with it; `mark` is made before.
    """

    point: StrEnum | None = None
    visit: int = 1
    how: signal.Signals = signal.SIGKILL
    mark: Path | None = None
    passed: int = 0

    def __call__(self, here: StrEnum) -> None:
        if here is self.point:
            self.passed += 1
            if self.passed == self.visit:
                if self.mark is not None:
                    self.mark.touch()
                # Sent to this thread, so that it goes no further; another might take it late.
                signal.pthread_kill(get_ident(), self.how)


LIVE = Death()


@dataclass(frozen=True)
class World:
    """What is odd about a process's surroundings.

    Its clock is off by some `hours`, and by those that stand in the file `clock`: time passes for
    a process that lives. `software` and `program` are what is installed there. `mounts` are
    folders with a mount of their own, which can be made read-only, and `read_only` those that are
    so from the beginning. Replies are noted in the file `tap`; `ledgers` are those of all
    hospitals, to look for a reply at the moment it arrives.
    """

    hours: float = 0
    clock: Path | None = None
    software: bytes = SOFTWARE
    program: str = PROGRAM_VERSION
    mounts: tuple[Path, ...] = ()
    read_only: tuple[Path, ...] = ()
    tap: Path | None = None
    ledgers: Mapping[SiteId, Path] = field(default_factory=dict)

    def now(self) -> datetime:
        passed = float(self.clock.read_text()) if self.clock and self.clock.exists() else 0.0
        return datetime.now(UTC) + timedelta(hours=self.hours + passed)


def hospital(config: Path, world: World, death: Death) -> None:
    """Live as a hospital's node until a signal or a death."""
    _write_to(screen(config))
    _mount(world)
    with (
        patch.object(backoff, "FIRST_SECONDS", 0.05),  # all else waits as long as in earnest
        patch.object(site_node.carriers.grpc, "HELD_SECONDS", 0.0),
        _clock(world),
        _installed(world),
        prepared(config, lambda _: None, death, lambda: world.software) as serving,
        ending_by_signal(serving.carrier.stop),
    ):
        serving.run()


def office(config: Path, world: World, death: Death) -> None:
    """Live as the coordinating centre until a signal or a death."""
    _write_to(screen(config))
    stopped = Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    _mount(world)
    settings = read_config(config)
    with (
        _tapped(world),
        _installed(world),
        patch.object(riskset.serving, "utc_now", world.now),
    ):
        serve_centre(
            settings,
            stopped,
            tell=lambda _: None,
            publish=partial(publish, settings.out),
            at=death,
        )


def screen(config: Path) -> Path:
    """Name the file that stands for the screen of whoever lives by these settings."""
    return config.with_name("screen.log")


def _write_to(path: Path) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(handle, 2)
    os.close(handle)


def publish(out: Path, played: Played) -> None:
    """Write a run's sums, to the last digit."""
    out.mkdir(exist_ok=True)
    said = json.dumps(totals(played)).encode()
    write_private(out / f"{played.run_id.hex()}.json", said)


@contextmanager
def _clock(world: World) -> Iterator[None]:
    opened: Callable[..., Ledger] = Ledger.open
    with ExitStack() as stack:
        stack.enter_context(patch.object(site_node.serving, "utc_now", world.now))
        stack.enter_context(patch.object(Ledger, "open", partial(opened, now=world.now)))
        yield


@contextmanager
def _installed(world: World) -> Iterator[None]:
    """Have another version of the study program, as all modules know it that are loaded."""
    with ExitStack() as stack:
        for module in list(sys.modules.values()):
            if getattr(module, "PROGRAM_VERSION", None) == PROGRAM_VERSION:
                stack.enter_context(patch.object(module, "PROGRAM_VERSION", world.program))
        yield


def _mount(world: World) -> None:
    if folders := (*world.mounts, *world.read_only):
        mounted_on_itself(folders, world.read_only)


@contextmanager
def _tapped(world: World) -> Iterator[None]:
    """Note every reply that arrives, whatever becomes of it, and whether its ledger has it."""
    deliver = Switchboard.deliver

    def noted(board: Switchboard, site: SiteId, number: int, reply: bytes) -> None:
        with tap.open("a") as file:
            said = {"site": site, "reply": reply.hex(), "kept": is_kept(world.ledgers[site], reply)}
            file.write(json.dumps(said) + "\n")
        deliver(board, site, number, reply)

    if world.tap is None:
        yield
        return
    tap = world.tap
    with patch.object(Switchboard, "deliver", noted):
        yield


def is_kept(ledger: Path, reply: bytes) -> bool:
    """Tell whether some line of a ledger holds these bytes, committed."""
    return bool(rows(ledger, "SELECT 1 FROM entries WHERE instr(body, ?) LIMIT 1", reply))


def rows(ledger: Path, sql: str, *values: Any) -> list[Any]:
    """Look into a ledger beside its node."""
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True, timeout=10)) as database:
        return database.execute(sql, values).fetchall()


def lines(ledger: Path, kind: str) -> int:
    """Count the lines of a kind in a ledger."""
    return int(rows(ledger, "SELECT count(*) FROM entries WHERE kind = ?", kind)[0][0])
