"""What a node has done, read from its ledger: for its operator, whether it runs or not."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from protocol.plan.words import handle
from protocol.requests import Done
from site_node.config import SiteConfig, read_config
from site_node.course import Opening, read_done
from site_node.deciding import is_paused, running_software
from site_node.folder import FolderError, LockedError, StateFolder, state_folder
from site_node.ledger import Kind, Ledger, utc_now
from site_node.node import read_federation
from site_node.past import openings
from site_node.setup import Identity, identity_of
from site_node.terminal import table

PAUSED = "The node is paused, and answers nothing: riskset-site resume"


@dataclass(frozen=True)
class RunLine:
    """A run as the ledger tells it: `trips` were answered with `bytes_sent` masked bytes."""

    name: str
    study: str
    plan: str
    since: datetime
    trips: int
    bytes_sent: int
    state: str


@dataclass(frozen=True)
class NodeStatus:
    """A node: who it is, whom it trusts, whether it runs, and its runs, the latest last."""

    own: Identity
    federation: str
    serving: bool
    paused: bool
    runs: tuple[RunLine, ...]
    refused: int
    evidence: int

    def as_text(self) -> str:
        """Write it for people."""
        trusted = self.federation or "no federation yet: riskset-site join"
        lines = [
            f"{self.own.site}  words {self.own.words}",
            f"trusts {trusted}; the node {'is running' if self.serving else 'is not running'}",
        ]
        if self.paused:
            lines.append(PAUSED)
        if self.evidence:
            lines.append(f"EVIDENCE of {self.evidence} contradictory requests is in the ledger")
        if self.refused:
            lines.append(f"{self.refused} requests were refused by this hospital's own rules")
        if not self.runs:
            return "\n".join([*lines, "", "Nothing has left this hospital."])
        header = ("Run", "study", "plan", "since", "trips", "bytes sent", "state")
        rows = [
            (r.name, r.study, r.plan, f"{r.since:%Y-%m-%d %H:%M}", r.trips, r.bytes_sent, r.state)
            for r in self.runs
        ]
        return "\n".join([*lines, "", table(header, rows)])

    def as_json(self) -> dict[str, Any]:
        """Make it for scripts."""
        runs = [{**vars(run), "since": run.since.isoformat()} for run in self.runs]
        return {
            "site": self.own.site,
            "words": self.own.words,
            "federation": self.federation,
            "serving": self.serving,
            "paused": self.paused,
            "runs": runs,
            "refused": self.refused,
            "evidence": self.evidence,
        }


def node_status(config_path: Path) -> NodeStatus:
    """Read what a node has done.

    Raises
    ------
    ProblemsError, FolderError, LedgerError
        If settings, state folder or ledger are not as they have to be.
    """
    config = read_config(config_path)
    own = identity_of(config)
    folder = StateFolder(config.state)
    trusted = ""
    with suppress(FolderError):
        trusted = read_federation(folder).name
    if not folder.ledger.exists():
        return NodeStatus(own, trusted, _serving(config), False, (), 0, 0)
    with closing(Ledger.open(folder.ledger, folder.head, older=True)) as ledger:
        kinds = Counter(line.kind for line in ledger.lines(None, Kind.REFUSED, Kind.EVIDENCE))
        runs = tuple(_run(ledger, opening) for opening in openings(ledger))
    refused, evidence = kinds[Kind.REFUSED], kinds[Kind.EVIDENCE]
    paused = bool(trusted) and is_paused(config, running_software(config))
    return NodeStatus(own, trusted, _serving(config), paused, runs, refused, evidence)


@contextmanager
def opened(
    config_path: Path, *, older: bool = False
) -> Iterator[tuple[SiteConfig, StateFolder, Ledger]]:
    """Open a node's state for an operator's work, while no node runs on it.

    Raises
    ------
    ProblemsError, FolderError, LockedError, LedgerError
        If settings, folder or ledger are not as they have to be, or a node is running.
    """
    config = read_config(config_path)
    with (
        state_folder(config.state) as folder,
        closing(Ledger.open(folder.ledger, folder.head, utc_now, older=older)) as ledger,
    ):
        yield config, folder, ledger


def _serving(config: SiteConfig) -> bool:
    try:
        with state_folder(config.state):
            return False
    except LockedError:
        return True


def _run(ledger: Ledger, opening: Opening) -> RunLine:
    lines = tuple(ledger.lines(opening.run.ctx, Kind.RELEASE, Kind.CLOSED))
    sent = [line for line in lines if line.kind is Kind.RELEASE]
    closed = [line for line in lines if line.kind is Kind.CLOSED]
    done: Done | None = read_done(closed[0]) if closed else None
    return RunLine(
        name=opening.name,
        study=opening.run.roster.study,
        plan=handle(opening.run.plan_digest),
        since=opening.since,
        trips=len(sent),
        bytes_sent=sum(len(line.body or b"") for line in sent),
        state=done.state if done else "open",
    )
