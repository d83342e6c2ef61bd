"""A consortium on this machine, conducted over each of the carriers: the same folders and keys.

So its totals are the same to the last bit, whatever carries the bytes between its parties.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from flwr.proto.control_pb2 import RegisterNodeRequest
from flwr.supercore.control import ControlHttpClient

from coordinator.carriers.embedded import Embedded, Handle
from coordinator.carriers.flower.link import SuperLink
from coordinator.config import read_config, read_seed
from coordinator.control import Start, start_run
from coordinator.journal import RunState
from coordinator.members import kept_rosters
from coordinator.run import Conductor
from coordinator.store import Store
from protocol.ids import SiteId
from protocol.run import Played
from protocol.secagg.transcript import RUN_ID_SIZE
from riskset.consortium import Consortium
from riskset.serving import utc_now
from site_node.carriers.flower.keys import public_of
from site_node.deciding import approve
from site_node.folder import state_folder
from site_node.serving import flower_key, prepared

Conduct = Callable[[], Played]
"""Begins a run of the study, and gives it at its end."""

SECRET_FILE, CA_FILE = "superexec.secret", "superlink-ca.pem"


@contextmanager
def embedded(consortium: Consortium) -> Iterator[Conduct]:
    """Have all nodes and the coordinator in this process, with their ledgers and journal."""
    with ExitStack() as stack:
        nodes: dict[SiteId, Handle] = {}
        for hospital in consortium.hospitals:
            log = stack.enter_context(hospital.log.open("a", encoding="utf-8"))
            with redirect_stderr(log):  # where a node's log goes that names no file for it
                serving = stack.enter_context(prepared(hospital.config, lambda _: None))
            approve(hospital.config, consortium.proposal, hospital.operator, hospital.operator_key)
            serving.node.take_in()
            nodes[hospital.own.site] = serving.node.handle
        store = stack.enter_context(Store(consortium.config.store))
        yield lambda: _conducted(consortium, store, Embedded(nodes))


def over_flower(consortium: Consortium, link: SuperLink) -> Consortium:
    """Have the same coordinator and hospitals talk over a SuperLink, which knows their keys.

    `riskset.consortium_run.running` then runs it as it runs one over gRPC.
    """
    for hospital in consortium.hospitals:
        with state_folder(hospital.config.parent / "state") as folder:
            register(link, public_of(flower_key(folder)))
        _name_superlink(hospital.config, link, "")
    centre = consortium.config.key.with_name("coordinator.toml")
    (centre.parent / SECRET_FILE).write_bytes(link.secret)
    _name_superlink(centre, link, f'superexec = "{SECRET_FILE}"\n')
    return replace(consortium, config=read_config(centre))


def register(link: SuperLink, public: bytes) -> int:
    """Register a node's key, as `flwr supernode register` does."""
    with ControlHttpClient.from_server_address(link.address, False, link.ca, []) as control:
        return int(control.RegisterNode(RegisterNodeRequest(public_key=public)).node_id)


def _name_superlink(settings: Path, link: SuperLink, more: str) -> None:
    text = settings.read_text(encoding="utf-8")
    (settings.parent / CA_FILE).write_bytes(link.ca)
    table = f'[flower]\nsuperlink = "{link.address}"\nca = "{CA_FILE}"\n{more}'
    settings.write_text(f'carrier = "flower"\n{text}\n{table}', encoding="utf-8")


def _conducted(consortium: Consortium, store: Store, carrier: Embedded) -> Played:
    plan, over = consortium.plan, list[Played]()
    conductor = Conductor(
        store=store,
        carrier=carrier,
        seed=read_seed(consortium.config.key),
        now=utc_now,
        random=os.urandom,
        publish=over.append,
        patience=consortium.config.patience,
    )
    start = Start(os.urandom(RUN_ID_SIZE), plan, kept_rosters(store, plan.study.id))
    run_id = start_run(store, start, now=utc_now(), software=version("riskset")).run_id
    state = conductor.conduct(run_id, lambda: False)
    if state is not RunState.FINISHED:
        raise RuntimeError(f"the run over the embedded carrier is {state}")
    (played,) = over
    return played
