"""A whole consortium on this machine: a coordinator and a folder for every hospital.

Founded and signed as between buildings, with real keys, rosters and settings. Only the telephone
is left out, as one program knows all keys. `consortium_run` runs it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from pathlib import Path

from coordinator.config import CoordinatorConfig, read_config
from coordinator.members import keep_roster
from coordinator.store import Store
from protocol.errors import FederationError
from protocol.governance.chain import signed_roster
from protocol.governance.proposal import Proposal, propose
from protocol.governance.roster import Member
from protocol.ids import SiteId
from protocol.plan.digest import canonical, plan_digest
from protocol.plan.model import Plan
from riskset.centre import (
    PLAN_SIGNER,
    Founded,
    Wanted,
    found,
    read_authority_seed,
)
from riskset.rosters import first_version
from riskset.serving import utc_now
from site_node.deciding import add_operator
from site_node.folder import make_folder, write_private
from site_node.setup import Identity, add_table, init

HOST = "localhost"


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
