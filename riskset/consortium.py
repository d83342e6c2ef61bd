"""A whole consortium on this machine: a coordinator here, a process for every hospital.

What crosses between them is what crosses between buildings: TLS, logins, signed rosters, masked
sums, ledgers. Only the telephone is left out, as one program knows all keys.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread
from time import monotonic, sleep

from coordinator.config import CoordinatorConfig, read_config
from coordinator.control import Start, start_run
from coordinator.members import keep_roster, kept_presence, kept_rosters
from coordinator.proposals import keep_proposal, kept_decisions
from coordinator.status import RunStatus, run_status
from coordinator.store import Store
from protocol.errors import FederationError
from protocol.governance.approval import State
from protocol.governance.chain import signed_roster
from protocol.governance.proposal import Proposal, propose
from protocol.governance.roster import Member
from protocol.ids import SiteId
from protocol.plan.digest import canonical, plan_digest
from protocol.plan.model import Plan
from protocol.run import Played
from protocol.secagg.transcript import RUN_ID_SIZE
from riskset.centre import (
    PLAN_SIGNER,
    Founded,
    Wanted,
    found,
    read_authority_seed,
)
from riskset.rosters import first_version
from riskset.serving import serve_centre, utc_now
from site_node.deciding import add_operator, approve
from site_node.folder import make_folder, write_private
from site_node.setup import Identity, add_table, init, set_address

HOST = "localhost"
START_SECONDS = 120.0
RUN_SECONDS = 3600.0
LOOK_SECONDS = 0.05

Look = Callable[[RunStatus], None]
Process = subprocess.Popen[bytes]
Nodes = Mapping[SiteId, Process]


class ConsortiumError(FederationError):
    """A part of the consortium on this machine does not work."""

    code = "consortium"
    fix = "run it again with --keep FOLDER, and look at the logs of the hospitals in it"


@dataclass(frozen=True)
class Drawn:
    """Secret bytes that follow from a seed: for demonstrations, where nobody's data need them."""

    seed: bytes
    name: str
    numbers: "count[int]"

    @classmethod
    def of(cls, seed: bytes, name: str) -> "Drawn":
        """Begin a stream of a name."""
        return cls(seed, name, count())

    def __call__(self, size: int) -> bytes:
        """Give the next so many bytes, at most 32."""
        told = f"{self.name}/{next(self.numbers)}".encode()
        return sha256(self.seed + b"/" + told).digest()[:size]


@dataclass(frozen=True)
class Hospital:
    """A hospital's folder and identity."""

    own: Identity
    config: Path

    @property
    def operator(self) -> str:
        """Who decides for it."""
        return f"Operator of {self.own.site}"

    @property
    def operator_key(self) -> Path:
        """That person's key."""
        return self.config.with_name("operator.key")

    @property
    def log(self) -> Path:
        """What its node writes while it serves."""
        return self.config.with_name("node.log")


@dataclass(frozen=True)
class Consortium:
    """A federation on this machine, founded and signed, and not yet running."""

    config: CoordinatorConfig
    plan: Plan
    hospitals: tuple[Hospital, ...]
    proposal: Proposal


def assemble(
    folder: Path, plan_file: Path, plan: Plan, extracts: Mapping[SiteId, Path], seed: bytes
) -> Consortium:
    """Found a centre, set up every hospital, and sign the roster, all below one folder.

    `seed` makes keys, and so the lottery, the same every time: whoever knows it can read all.
    """
    wanted = Wanted("riskset demo", [HOST], f"{HOST}:0")
    centre = found(
        folder / "centre", folder / "authority", wanted, utc_now(), Drawn.of(seed, "centre")
    )
    hospitals = tuple(
        _hospital(folder / site, site, file, seed, centre) for site, file in extracts.items()
    )
    for hospital in hospitals:
        _introduce(hospital, hospitals, plan_file, plan)
    config = read_config(centre.config)
    proposal = _sign(config, centre, plan, hospitals)
    return Consortium(config, plan, hospitals, proposal)


def _hospital(folder: Path, site: SiteId, extract: Path, seed: bytes, centre: Founded) -> Hospital:
    config = folder / "site.toml"
    drawn = Drawn.of(seed, site)
    own = init(config, site, f"Hospital {site}", extract=str(extract.absolute()), random=drawn)
    write_private(make_folder(folder / "state").federation, centre.federation.to_bytes())
    hospital = Hospital(own, config)
    operator = Drawn.of(seed, f"{site} operator")
    add_operator(config, hospital.operator, hospital.operator_key, operator)
    return hospital


def _introduce(
    hospital: Hospital, hospitals: Sequence[Hospital], plan_file: Path, plan: Plan
) -> None:
    """Let a hospital know the others' words, and take part in the plan."""
    for other in hospitals:
        if other is not hospital:
            known = {"id": other.own.site, "words": other.own.words}
            add_table(hospital.config, "known_sites", known)
    allowed = {"file": str(plan_file.absolute()), "digest": plan_digest(plan).hex()}
    add_table(hospital.config, "plans", allowed)


def _sign(
    config: CoordinatorConfig, centre: Founded, plan: Plan, hospitals: Sequence[Hospital]
) -> Proposal:
    members = tuple(Member(h.own.site, f"Hospital {h.own.site}", h.own.public) for h in hospitals)
    # Fixed times, as the roster's digest is a part of what the lottery hangs on.
    times = {"not_before": "2020-01-01", "expires": "9999-12-31"}
    roster = first_version(centre.federation, plan.study.id, members, **times)
    seed = read_authority_seed(centre.authority_folder / "authority-1.key")
    signed = signed_roster(roster, seed)
    with Store(config.store) as store:
        keep_roster(store, signed, utc_now())
    signer = read_authority_seed(centre.config.with_name(PLAN_SIGNER))
    return propose(canonical(plan), (signed,), centre.federation, signer)


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

    def conduct(self, look: Look) -> Played:
        """Run the study once. `look` is told what the run does, again and again.

        Raises
        ------
        ConsortiumError
            If a node ends, or the run does not come to its end.
        """
        run_id = _start(self.store, self.consortium.plan)

        def finished() -> bool:
            return _finished(self.store, run_id, look)

        _await(self.consortium, self.nodes, finished, RUN_SECONDS)
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
        _await(consortium, nodes, lambda: len(_connected(store)) == len(nodes))
        for hospital in consortium.hospitals:
            _approve(hospital, consortium.proposal)
        _await(consortium, nodes, _told(store, consortium))
        yield Running(consortium, store, nodes, over)


def _start(store: Store, plan: Plan) -> bytes:
    rosters = kept_rosters(store, plan.study.id)
    start = Start(os.urandom(RUN_ID_SIZE), plan, rosters)
    return start_run(store, start, now=utc_now(), software=version("riskset")).run_id


def _connected(store: Store) -> list[SiteId]:
    return [site for site, there in kept_presence(store).items() if there.connected]


def _told(store: Store, consortium: Consortium) -> Callable[[], bool]:
    """Have the daemon ask how the plan stands; says whether all told that they approve."""
    proposal = consortium.proposal
    keep_proposal(store, proposal, consortium.plan.study.id, utc_now())

    def met() -> bool:
        kept = kept_decisions(store, proposal).values()
        return [one.state for one in kept] == [State.APPROVED] * len(consortium.hospitals)

    return met


def _finished(store: Store, run_id: bytes, look: Look) -> bool:
    status = run_status(store, run_id)
    look(status)
    if status.row.code:
        raise ConsortiumError(f"the run is {status.row.state}: {status.row.reason}")
    return status.row.published is not None


def _await(
    consortium: Consortium, nodes: Nodes, met: Callable[[], bool], seconds: float = START_SECONDS
) -> None:
    """Wait for something while all nodes live."""
    until = monotonic() + seconds
    while not met():
        for hospital in consortium.hospitals:
            site = hospital.own.site
            if nodes[site].poll() is not None:
                raise ConsortiumError(f"the node of {site} ended: {_last_words(hospital.log)}")
        if monotonic() > until:
            raise ConsortiumError("the consortium did not get on in time")
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
    command = [sys.executable, "-m", "site_node", "serve", "--config", str(hospital.config)]
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
