"""A whole federation on disk: a centre and hospitals with keys, rows and settings of their own.

Founded once by the same calls as the commands make; every test gets a copy, so that snapshots and
roster, and with them the coin and all results, are the same in each.
"""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from coordinator.config import CoordinatorConfig, read_config
from coordinator.control import Start, start_run
from coordinator.journal import Journal
from coordinator.members import keep_roster
from coordinator.store import Store
from protocol.cohort import Cohort, enrol
from protocol.governance.approval import NO_CONDITIONS, Conditions
from protocol.governance.chain import signed_roster
from protocol.governance.federation import Federation
from protocol.governance.proposal import propose
from protocol.governance.roster import Member
from protocol.governance.signed import SignedRoster
from protocol.ids import SiteId
from protocol.plan.digest import canonical, plan_digest
from protocol.plan.model import Plan
from protocol.plan.read import read_plan
from protocol.run import Played, play
from riskset.centre import PLAN_SIGNER, Wanted, found, read_authority_seed
from riskset.rosters import first_version
from site_node.config import SiteConfig
from site_node.config import read_config as read_site_config
from site_node.data.check import read_extract
from site_node.deciding import add_operator, approve
from site_node.folder import StateFolder, write_private
from site_node.setup import Identity, add_table, init, set_address
from tests.federation.cohorts import clinics
from tests.ports import HOST, free_port

PLAN = "plan.toml"
OPERATOR = "Dr Martin"
SOFTWARE = bytes(31) + b"1"
"""What stands for the digest of the installed files: people may be at work on them."""
SMALL = Path(__file__).parents[1] / "small.toml"
LONG = ("[propensity", "[[propensity", "[[designs", "[[populations", "[[subgroups")
"""Tables of the small plan that make for many trips."""

_RUNS = count(1)


def brief_text() -> str:
    """Give the small plan's text without model and designs: few trips."""
    parts = SMALL.read_text(encoding="utf-8").split("\n\n")
    return "\n\n".join(part for part in parts if not part.startswith(LONG)) + "\n"


@dataclass(frozen=True)
class Ground:
    """A federation's folders: `centre/`, `authority/`, and one of each hospital."""

    folder: Path
    sites: tuple[SiteId, ...]

    @property
    def centre(self) -> Path:
        return self.folder / "centre"

    @property
    def centre_file(self) -> Path:
        return self.centre / "coordinator.toml"

    @property
    def tap(self) -> Path:
        """Where the office's process notes every reply as it arrives."""
        return self.folder / "tap.jsonl"

    @property
    def clock(self) -> Path:
        """Where it stands how many hours have passed for everybody."""
        return self.folder / "hours"

    def pass_hours(self, hours: float) -> None:
        """Let time pass for all processes at once."""
        new = self.clock.with_suffix(".new")
        new.write_text(str(hours))
        new.replace(self.clock)

    def site_file(self, site: SiteId) -> Path:
        return self.folder / site / "site.toml"

    @property
    def site_files(self) -> dict[SiteId, Path]:
        return {site: self.site_file(site) for site in self.sites}

    def log(self, site: SiteId) -> str:
        """Read a hospital's own log."""
        file = self.site_file(site).with_name("node.log")
        return file.read_text(encoding="utf-8") if file.exists() else ""

    def logins(self) -> dict[SiteId, int]:
        """Count how often every hospital has logged in."""
        return {site: self.log(site).count('"event": "connected"') for site in self.sites}

    def settings(self, site: SiteId) -> SiteConfig:
        return read_site_config(self.site_file(site))

    def state(self, site: SiteId) -> StateFolder:
        return StateFolder(self.site_file(site).parent / "state")

    @property
    def office(self) -> CoordinatorConfig:
        return read_config(self.centre_file)

    @cached_property
    def plan(self) -> Plan:
        return read_plan((self.folder / PLAN).read_text(encoding="utf-8"), PLAN)

    @property
    def federation(self) -> Federation:
        return Federation.from_bytes((self.centre / "federation.json").read_bytes())

    @property
    def authority_seed(self) -> bytes:
        return read_authority_seed(self.folder / "authority" / "authority-1.key")

    def members(self) -> tuple[Member, ...]:
        identities = {site: json.loads(self._identities.read_text())[site] for site in self.sites}
        return tuple(Member(s, f"Spital {s}", bytes.fromhex(k)) for s, k in identities.items())

    def roster(self, **times: str) -> SignedRoster:
        """Write and sign the study's first roster; by default in force for years."""
        ordinary = {"not_before": "2020-01-01T00:00:00Z", "expires": "2090-01-01T00:00:00Z"}
        study = self.plan.study.id
        roster = first_version(self.federation, study, self.members(), **(ordinary | times))
        return signed_roster(roster, self.authority_seed)

    def cohorts(self) -> list[Cohort]:
        """Read all hospitals' patients, as nobody but a test can."""
        return [
            enrol(
                self.plan,
                site,
                read_extract(self.folder / site / "extract.csv", self.plan).extract,
                self.state(site).seed(self.state(site).secret),
            )
            for site in self.sites
        ]

    def edit_centre(self, before: str, after: str) -> None:
        replace_text(self.centre_file, before, after)

    def move_to(self, port: int, store: str = "") -> None:
        """Let all of them use a port, and the office a journal."""
        self.edit_centre('listen = "127.0.0.1:1"', f'listen = "127.0.0.1:{port}"')
        if store:
            self.edit_centre('store = "sqlite:///journal.db"', f'store = "{store}"')
        for file in self.site_files.values():
            set_address(file, f"{HOST}:{port}")

    def start(
        self,
        store: Store,
        *chain: SignedRoster,
        replaces: bytes | None = None,
    ) -> Journal:
        """Write a run into the journal, and let every hospital's operator approve it before."""
        chain = chain or (self.roster(),)
        now = datetime.now(UTC)
        for signed in chain:
            keep_roster(store, signed, now)
        for site in self.sites:
            self.approve(site, chain)
        start = Start(next(_RUNS).to_bytes(16, "big"), self.plan, chain, replaces=replaces)
        row = start_run(store, start, now=now, software=version("riskset"))
        return Journal(store, row.run_id)

    def approve(
        self,
        site: SiteId,
        chain: tuple[SignedRoster, ...] = (),
        conditions: Conditions = NO_CONDITIONS,
        software: bytes = SOFTWARE,
    ) -> None:
        """Let a hospital's operator approve the plan, if it has one."""
        settings, file = self.settings(site), self.site_file(site)
        if not settings.operators:
            return
        signer = read_authority_seed(self.centre / PLAN_SIGNER)
        proposal = propose(canonical(self.plan), chain or (self.roster(),), self.federation, signer)
        key = file.with_name("operator.key")
        approve(file, proposal, OPERATOR, key, software, conditions=conditions)

    @property
    def _identities(self) -> Path:
        return self.folder / "identities.json"


def founded(folder: Path, text: str, cohorts: Sequence[Cohort] = ()) -> Ground:
    """Found a centre, and set up and join a node for every cohort."""
    cohorts = cohorts or clinics(3, 40)
    ground = Ground(folder, tuple(cohort.site for cohort in cohorts))
    wanted = Wanted("Leberzentren", [HOST], listen=f"{HOST}:1")
    made = found(ground.centre, folder / "authority", wanted, datetime.now(UTC))
    (folder / PLAN).write_text(text, encoding="utf-8")
    own = {cohort.site: _settled(ground, cohort, made.federation) for cohort in cohorts}
    for site, file in ground.site_files.items():
        for other in own.keys() - {site}:
            add_table(file, "known_sites", {"id": other, "words": own[other].words})
    public = {site: identity.public.hex() for site, identity in own.items()}
    ground._identities.write_text(json.dumps(public))
    for file in ground.site_files.values():
        add_operator(file, OPERATOR, file.with_name("operator.key"), os.urandom)
    return ground


def copied(template: Ground, folder: Path, store: str = "") -> Ground:
    """Copy a federation, and give the copy a port of its own."""
    ground = Ground(folder, template.sites)
    shutil.copytree(template.folder, folder, symlinks=True)
    ground.move_to(free_port(), store)
    return ground


def in_the_clear(ground: Ground) -> Played:
    """Play the study over all rows in one process, without network, ledger or journal."""
    return play(ground.plan, ground.cohorts(), bytes(32))


def totals(played: Played) -> list[list[Any]]:
    """Give every sum that a study opened, to the last digit, as JSON has it."""
    return [
        [answer.step.name, {name: total.tolist() for name, total in answer.opened.sums.items()}]
        for answer in played.record.answers
        if answer.opened is not None
    ]


def replace_text(path: Path, before: str, after: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert before in text, (before, text)
    path.write_text(text.replace(before, after), encoding="utf-8")


def write_extract(path: Path, cohort: Cohort, plan: Plan) -> None:
    """Write a cohort as the CSV file that a hospital's export would be."""
    names = [variable.name for variable in plan.variables]
    columns = [[row.decode() for row in cohort.ids.tolist()]]
    columns += [_column(plan, cohort.values, name) for name in names]
    lines = [",".join(("patient_id", *names)), *map(",".join, zip(*columns, strict=True))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _column(plan: Plan, values: Mapping[str, Any], name: str) -> list[str]:
    variable = next(variable for variable in plan.variables if variable.name == name)
    levels = getattr(variable, "levels", None)
    return [
        ""
        if one != one or (one < 0 and levels is not None) or one == -1  # noqa: PLR0124 - NaN
        else levels[int(one)]
        if levels
        else np.format_float_positional(one, trim="-")
        for one in values[name].tolist()
    ]


def _settled(ground: Ground, cohort: Cohort, federation: Federation) -> Identity:
    file = ground.site_file(cohort.site)
    own = init(file, cohort.site, f"Spital {cohort.site}", address=f"{HOST}:1")
    write_private(ground.state(cohort.site).federation, federation.to_bytes())
    write_extract(file.parent / "extract.csv", cohort, ground.plan)
    shutil.copy(ground.folder / PLAN, file.parent / PLAN)
    add_table(file, "plans", {"file": PLAN, "digest": plan_digest(ground.plan).hex()})
    with file.open("a", encoding="utf-8") as settings:
        settings.write('\n[log]\nfile = "node.log"\nlevel = "debug"\n')
    return own
