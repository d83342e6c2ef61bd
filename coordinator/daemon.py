"""The coordinator's daemon: looks into the journal for runs, and conducts each in a thread.

What people want of runs they write into the journal (`coordinator.control`); the daemon has no
other channel, and everything it knows survives it.
"""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event, Thread

from coordinator.carriers import Carrier
from coordinator.config import CoordinatorConfig
from coordinator.journal import RunRow, RunState, Wish, due_runs
from coordinator.members import clear_presence
from coordinator.points import At, pass_by
from coordinator.proposals import Proposer
from coordinator.run import Conductor, Publish
from coordinator.store import Store, StoreError
from protocol.plan.digest import plan_digest
from protocol.run import Played

POLL_SECONDS = 0.5
RETRY_SECONDS = 5.0
"""How long to leave a journal alone that did not answer."""

log = logging.getLogger(__name__)

OpenCarrier = Callable[[Store], AbstractContextManager[Carrier]]
"""Opens the way to hospitals, and closes it at the end; may keep presence and joins."""


@dataclass(frozen=True)
class Surroundings:
    """What the daemon takes from the world; tests give their own."""

    now: Callable[[], datetime]
    random: Callable[[int], bytes]
    at: At = pass_by
    poll_seconds: float = POLL_SECONDS


@dataclass(frozen=True)
class Office:
    """What the daemon is made of: its identity's seed, its way to hospitals, where results go."""

    seed: bytes = field(repr=False)
    open_carrier: OpenCarrier
    publish: Publish


def serve(config: CoordinatorConfig, office: Office, world: Surroundings, stopped: Event) -> None:
    """Conduct runs until `stopped` is set; then every thread ends, and runs go on next time.

    Raises
    ------
    StoreError, StoreVersionError
        If the journal cannot be opened.
    StoreBusyError
        If another daemon works on it.
    StoreError
        Also if a database server that keeps the journal went away: start again when it is back.
    """
    with Store(config.store) as store, store.sole_daemon() as held:
        clear_presence(store, world.now())
        with office.open_carrier(store) as carrier:
            proposer = Proposer(store, carrier, world.now, stopped)

            def publish(run: Played) -> None:
                proposer.catch_up(plan_digest(run.plan), run.roster_digest)
                office.publish(run)

            conductor = Conductor(
                store=store,
                carrier=carrier,
                seed=office.seed,
                now=world.now,
                random=world.random,
                publish=publish,
                at=world.at,
                patience=config.patience,
                pause=lambda seconds: _pause(stopped, seconds),
            )
            asking = Thread(target=proposer.work, name="riskset-proposals")
            asking.start()
            try:
                _Desk(conductor, config.runs, stopped).work(world.poll_seconds, held)
            finally:
                stopped.set()
                asking.join()


def _pause(stopped: Event, seconds: float) -> None:
    stopped.wait(seconds)


class _Desk:
    """The runs that are being conducted, each by its own thread."""

    def __init__(self, conductor: Conductor, most: int, stopped: Event) -> None:
        self._conductor, self._most, self._stopped = conductor, most, stopped
        self._threads: dict[bytes, Thread] = {}
        self._tried: set[bytes] = set()

    def work(self, poll_seconds: float, held: Callable[[], None]) -> None:
        """Take up whatever is due, until the daemon stops or `held` says that it has to.

        Raises
        ------
        StoreError
            If the journal is not held any more: another daemon may hold it by now.
        """
        try:
            while not self._stopped.is_set():
                held()
                try:
                    self._take_up(due_runs(self._conductor.store))
                except StoreError as error:
                    log.warning("the journal does not answer: %s", error)
                    self._stopped.wait(RETRY_SECONDS)
                self._stopped.wait(poll_seconds)
        finally:
            self._stopped.set()
            for thread in self._threads.values():
                thread.join()

    def _take_up(self, due: tuple[RunRow, ...]) -> None:
        self._threads = {run: one for run, one in self._threads.items() if one.is_alive()}
        for row in due:
            if len(self._threads) >= self._most:
                return
            if row.run_id in self._threads or self._is_stuck(row):
                continue
            self._tried.add(row.run_id)
            name = f"run-{row.run_id.hex()[:8]}"
            thread = Thread(target=self._conduct, args=(row.run_id,), name=name)
            self._threads[row.run_id] = thread
            thread.start()

    def _is_stuck(self, row: RunRow) -> bool:
        """Tell whether a finished run's results could not be written, and nobody mended that."""
        finished = row.state is RunState.FINISHED and row.wish is not Wish.RESUME
        return finished and row.run_id in self._tried

    def _conduct(self, run_id: bytes) -> None:
        """Conduct one run; whatever happens to it, the others go on."""
        try:
            self._conductor.conduct(run_id, self._stopped.is_set)
        except StoreError as error:
            log.warning("run %s waits for its journal: %s", run_id.hex()[:8], error)
            self._tried.discard(run_id)
            self._stopped.wait(RETRY_SECONDS)
        except Exception as error:
            log.exception("run %s stops by a fault of this software", run_id.hex()[:8])
            self._fail(run_id, error)

    def _fail(self, run_id: bytes, error: Exception) -> None:
        try:
            self._conductor.fail(run_id, error)
        except StoreError as trouble:
            log.warning("run %s: the fault is not in the journal: %s", run_id.hex()[:8], trouble)
