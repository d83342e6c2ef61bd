"""A node's settings: one file, `site.toml`, read once into a frozen value.

`deploy/site.example.toml` explains every key. The file holds no secret.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from protocol.disclosure_site import Tighter
from protocol.ids import SiteId, site_id
from protocol.plan.digest import plan_digest
from protocol.plan.model import Plan
from site_node.logs import Level
from site_node.plan_file import read_plan_file
from site_node.site_file import ApprovedPlan, Data, SiteFile
from site_node.site_file_reading import read_site_file, refuse

_WHERE = "say under [[plans]] where the plan's file is"

TIGHTER = tuple(row.name for row in fields(Tighter) if row.name != "min_sites")
"""Rows of the disclosure table that [limits] may tighten, beside the fewest hospitals."""


@dataclass(frozen=True)
class PlanFiles:
    """A plan that was approved, and the files that it is held against."""

    file: Path
    digest: bytes
    extract: Path
    mapping: Path | None


@dataclass(frozen=True)
class SiteConfig:
    """A node's settings. Paths are whole; `known_sites` gives six words by hospital.

    `superlink` is set where Flower carries requests.
    `tighter` are the rows of the disclosure table that the hospital tightens.
    `extract` and `mapping` are the hospital's own where a plan names none. `operators` gives names
    by public key (32 bytes), of whom `needed` have to approve a plan.
    """

    site: SiteId
    name: str
    state: Path
    address: str
    proxy: str | None
    ca: Path | None
    plans: tuple[PlanFiles, ...]
    known_sites: Mapping[SiteId, str]
    extract: Path | None = None
    mapping: Path | None = None
    min_sites: int = 3
    min_known_sites: int = 2
    max_runs: int = 20
    message_mb: int = 256
    tighter: Tighter = field(default_factory=Tighter)
    superlink: str | None = None
    superlink_ca: Path | None = None
    operators: Mapping[bytes, str] = field(default_factory=dict)
    needed: int = 1
    log_file: Path | None = None
    log_level: Level = Level.INFO


def read_config(path: Path) -> SiteConfig:
    """Read a node's settings. Paths in the file are taken from the file's own folder.

    Raises
    ------
    ProblemsError
        If the file cannot be read, or with everything that is wrong in it.
    """
    return _settings(read_site_file(path), path.absolute().parent)


def read_approved(config: SiteConfig) -> Mapping[bytes, tuple[Plan, PlanFiles]]:
    """Read the plans that the hospital approved, by their digests.

    Raises
    ------
    ProblemsError
        If a plan is not there, is none, or is not the one that was approved.
    """
    found: dict[bytes, tuple[Plan, PlanFiles]] = {}
    for files in config.plans:
        try:
            plan = read_plan_file(files.file)
        except OSError:
            refuse(str(files.file), "cannot be read", _WHERE)
        if plan_digest(plan) != files.digest:
            refuse(
                str(files.file),
                "is another plan than the one that was approved: its digest differs",
                "look at the plan again; if it is the right one, approve it anew",
            )
        found[files.digest] = plan, files
    return found


def _settings(said: SiteFile, here: Path) -> SiteConfig:
    limits = said.limits.model_dump()
    tighter = Tighter(
        limits["min_sites"], **{row: limits.pop(row) for row in TIGHTER if row in limits}
    )
    return SiteConfig(
        site=site_id(said.site),
        name=said.name,
        state=_path(here, said.state),
        address=said.coordinator.address,
        proxy=said.coordinator.proxy,
        ca=_path_or_none(here, said.coordinator.ca),
        plans=tuple(_plan_files(plan, said.data, here) for plan in said.plans),
        known_sites={site_id(known.id): known.words for known in said.known_sites},
        extract=_path(here, said.data.extract),
        mapping=_path_or_none(here, said.data.mapping),
        **limits,
        tighter=tighter,
        superlink=said.flower.superlink if said.flower and said.carrier == "flower" else None,
        superlink_ca=_path_or_none(here, said.flower.ca) if said.flower else None,
        operators={bytes.fromhex(one.key): one.name for one in said.approval.operators},
        needed=said.approval.needed,
        log_file=_path_or_none(here, said.log.file),
        log_level=Level[said.log.level.upper()],
    )


def _plan_files(plan: ApprovedPlan, data: Data, here: Path) -> PlanFiles:
    # A mapping belongs to an extract: one for all is no default for another extract.
    mapping = plan.mapping if plan.extract else plan.mapping or data.mapping
    return PlanFiles(
        _path(here, plan.file),
        bytes.fromhex(plan.digest),
        _path(here, plan.extract or data.extract),
        _path_or_none(here, mapping),
    )


def _path(here: Path, text: str) -> Path:
    return here / Path(text).expanduser()


def _path_or_none(here: Path, text: str | None) -> Path | None:
    return _path(here, text) if text else None
