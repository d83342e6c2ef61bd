"""A consortium on this machine as it runs: the coordinator here, a process for every hospital.

What crosses between them is what crosses between buildings: TLS, logins, signed rosters, masked
sums, ledgers.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread
from time import monotonic, sleep

from coordinator.config import CoordinatorConfig
from coordinator.control import Start, start_run
from coordinator.journal import RunState, Wish
from coordinator.members import kept_presence, kept_rosters
from coordinator.proposals import keep_proposal, kept_decisions
from coordinator.status import RunStatus, run_status
from coordinator.store import Store
from coordinator.unlock import request_unlock
from protocol.errors import Exit, FederationError
from protocol.governance.approval import State
from protocol.governance.proposal import Proposal
from protocol.ids import SiteId
from protocol.plan.model import Plan
from protocol.run import Played
from protocol.secagg.transcript import RUN_ID_SIZE
from riskset.consortium import HOST, Consortium, ConsortiumError, Hospital
from riskset.serving import serve_centre, utc_now
from site_node.deciding import approve
from site_node.setup import set_address

START_SECONDS = 600.0
"""Long, as seven nodes that start on a busy machine take minutes; one that ends is told at once."""
RUN_SECONDS = 3600.0
LOOK_SECONDS = 0.05

BUSY = (
    "run it again when the machine has less to do; --keep FOLDER leaves the hospitals' logs there"
)

Look = Callable[[RunStatus], None]
Process = subprocess.Popen[bytes]
Nodes = Mapping[SiteId, Process]


class OutcomesLockedError(FederationError):
    """Outcomes wait for a person, and here is none."""

    code = "outcomes-locked"
    exit = Exit.NOT_APPROVED
    fix = (
        "give a reason; between buildings a person looks at the balance first: "
        'riskset run unlock RUN --reason "..."'
    )


def _approve(hospital: Hospital, proposal: Proposal) -> None:
    """Decide as a hospital's operator would, about the software that its node runs."""
    approve(hospital.config, proposal, hospital.operator, hospital.operator_key)


@dataclass(frozen=True)
class Running:
    """A consortium whose nodes are all connected. `nodes` are their processes."""

    consortium: Consortium
    store: Store
    nodes: Nodes
    over: SimpleQueue[Played]

    def conduct(self, look: Look, reason: str = "") -> Played:
        """Run the study once. `look` is told what the run does, again and again.

        Where the plan locks outcomes they are unlocked for `reason`, which the journal keeps.

        Raises
        ------
        OutcomesLockedError
            If the plan locks outcomes and there is no reason to unlock them.
        ConsortiumError
            If a node ends, or the run does not come to its end.
        """
        if self.consortium.plan.study.outcomes_locked and not reason.strip():
            raise OutcomesLockedError("the plan locks outcomes, and nobody gave a reason to go on")
        run_id = _start(self.store, self.consortium.plan)

        def finished() -> bool:
            return _finished(self.store, run_id, look, reason)

        _await(self.consortium, self.nodes, finished, "the run", RUN_SECONDS)
        return self.over.get(timeout=START_SECONDS)


@contextmanager
def running(consortium: Consortium) -> Iterator[Running]:
    """Start everything, and end everything, whatever happens on the way.

    Raises
    ------
    ConsortiumError
        If a node ends, or not all are connected in time.
    """
    over: SimpleQueue[Played] = SimpleQueue()
    with ExitStack() as stack:
        port = stack.enter_context(_centre(consortium.config, over.put))
        nodes = stack.enter_context(_nodes(consortium.hospitals, port))
        store = stack.enter_context(Store(consortium.config.store))
        _await(
            consortium,
            nodes,
            _all_connected(store, nodes),
            "connecting all hospitals",
            START_SECONDS,
        )
        for hospital in consortium.hospitals:
            _approve(hospital, consortium.proposal)
        told = _told(store, consortium)
        _await(consortium, nodes, told, "hearing that all hospitals approve", START_SECONDS)
        yield Running(consortium, store, nodes, over)


def _start(store: Store, plan: Plan) -> bytes:
    rosters = kept_rosters(store, plan.study.id)
    start = Start(os.urandom(RUN_ID_SIZE), plan, rosters)
    return start_run(store, start, now=utc_now(), software=version("riskset")).run_id


def _all_connected(store: Store, nodes: Nodes) -> Callable[[], bool]:
    return lambda: sum(there.connected for there in kept_presence(store).values()) == len(nodes)


def _told(store: Store, consortium: Consortium) -> Callable[[], bool]:
    """Have the daemon ask how the plan stands; says whether all told that they approve."""
    proposal = consortium.proposal
    keep_proposal(store, proposal, consortium.plan.study.id, utc_now())

    def met() -> bool:
        kept = kept_decisions(store, proposal).values()
        return [one.state for one in kept] == [State.APPROVED] * len(consortium.hospitals)

    return met


def _finished(store: Store, run_id: bytes, look: Look, reason: str) -> bool:
    status = run_status(store, run_id)
    look(status)
    if status.row.state is RunState.LOCKED and status.row.wish is Wish.NONE:
        request_unlock(store, run_id, reason, utc_now())
    if status.row.code:
        raise ConsortiumError(f"the run is {status.row.state}: {status.row.reason}")
    return status.row.published is not None


def _await(
    consortium: Consortium, nodes: Nodes, met: Callable[[], bool], what: str, seconds: float
) -> None:
    """Wait for something while all nodes live; `what` is what takes too long then."""
    until = monotonic() + seconds
    while not met():
        for hospital in consortium.hospitals:
            site = hospital.own.site
            if nodes[site].poll() is not None:
                raise ConsortiumError(f"the node of {site} ended: {_last_words(hospital.log)}")
        if monotonic() > until:
            raise ConsortiumError(f"{what} took longer than {seconds:.0f} seconds", BUSY)
        sleep(LOOK_SECONDS)


def _last_words(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "without a word"


@contextmanager
def _centre(config: CoordinatorConfig, publish: Callable[[Played], None]) -> Iterator[int]:
    """Run the coordinator's daemon beside us, until the block ends; gives its port."""
    stopped, ports, faults = Event(), SimpleQueue[int | None](), list[BaseException]()

    def serve() -> None:
        try:
            serve_centre(config, stopped, tell=lambda _: None, listening=ports.put, publish=publish)
        except FederationError as error:
            faults.append(error)
        finally:
            ports.put(None)

    daemon = Thread(target=serve, name="riskset-centre")
    try:
        daemon.start()
        port = ports.get()
        if port is None:
            raise ConsortiumError(f"the coordinator did not start: {faults[0] if faults else ''}")
        yield port
    finally:
        stopped.set()
        if daemon.ident is not None:  # an interrupt may come before the thread does
            daemon.join()


@contextmanager
def _nodes(hospitals: Sequence[Hospital], port: int) -> Iterator[Nodes]:
    """Run every hospital's node as a process of its own, until the block ends."""
    nodes: dict[SiteId, Process] = {}
    try:
        for hospital in hospitals:
            set_address(hospital.config, f"{HOST}:{port}")
            nodes[hospital.own.site] = _started(hospital)
        yield nodes
    finally:
        for process in nodes.values():
            process.terminate()
        for process in nodes.values():
            _await_end(process)


def _started(hospital: Hospital) -> Process:
    # -P: else a folder of that name where the demo was typed would be run in the node's place.
    command = [sys.executable, "-P", "-m", "site_node", "serve", "--config", str(hospital.config)]
    # One thread of linear algebra each: hospitals here share the processors of one machine.
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    with hospital.log.open("wb") as log:
        return subprocess.Popen(  # noqa: S603 - our own program, with a path of ours
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
        )


def _await_end(process: Process) -> None:
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
