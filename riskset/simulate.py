"""A study over a folder of extracts on one machine: read, enrol, play, work out the results.

All rows are in one place here, so nothing is protected from whoever runs it; the masks and
every message are those of a real federation all the same.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from protocol.canonical import digest
from protocol.cohort import Cohort, Extract, enrol
from protocol.errors import Exit, FederationError, Problem, ProblemsError
from protocol.ids import SiteId, site_id
from protocol.plan.check import check
from protocol.plan.model import Plan
from protocol.results import Results, results
from protocol.run import Played, Watch, play
from site_node.data.check import read_extract
from site_node.data.mapping import read_mapping
from site_node.data.mapping_model import SiteMapping

SECRET_SIZE = 32
_RENAME = "name each file after its hospital, such as lyon.csv"

Read = Callable[[SiteId], None]


class NoExtractsError(FederationError):
    """There is nothing to simulate with."""

    code = "no-extracts"
    exit = Exit.USAGE
    fix = "name a folder that holds one CSV file a hospital, such as lyon.csv"


@dataclass(frozen=True)
class Hospitals:
    """The extracts by hospital, in the order of their ids."""

    extracts: Mapping[SiteId, Extract]

    @property
    def rows(self) -> int:
        """Rows of all extracts together."""
        return sum(extract.rows for extract in self.extracts.values())


def with_profile_open(plan: Plan) -> Plan:
    """Lift a plan's disclosure rules, which only a run on one machine may do.

    The plan gets another name by it: it is not the one that hospitals approve.
    """
    disclosure = plan.disclosure.model_copy(update={"profile": "open", "min_sites": 1})
    opened = plan.model_copy(update={"disclosure": disclosure})
    if problems := check(opened):
        raise ProblemsError("the plan under profile `open`", problems)
    return opened


def find_extracts(folder: Path) -> dict[SiteId, Path]:
    """Find the CSV files of a folder by hospital; hidden files and other kinds are passed over.

    Raises
    ------
    NoExtractsError
        If the folder is not there or holds no CSV file.
    ProblemsError
        If a file's name is no hospital id, or two files are for one hospital; all at once.
    """
    if not folder.is_dir():
        raise NoExtractsError(f"{folder}: is no folder")
    files = [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() == ".csv" and not path.name.startswith(".")
    ]
    if not files:
        raise NoExtractsError(f"{folder}: holds no CSV file")
    if problems := [*_odd_names(files), *_same_names(files), *_same_content(files)]:
        raise ProblemsError(str(folder), problems)
    return dict(sorted((site_id(path.stem), path) for path in files))


def _odd_names(files: list[Path]) -> list[Problem]:
    rule = "the name is no hospital id: 1 to 64 letters, digits, '.', '-' or '_'"
    return [Problem(path.name, rule, _RENAME) for path in files if not _is_id(path.stem)]


def _is_id(text: str) -> bool:
    try:
        site_id(text)
    except ValueError:
        return False
    return True


def _same_names(files: list[Path]) -> list[Problem]:
    """Report names that some file systems cannot tell apart."""
    first: dict[str, str] = {}
    return [
        Problem(path.name, f"is for the same hospital as {known}", "keep one of the two")
        for path in files
        if (known := first.setdefault(path.stem.casefold(), path.name)) != path.name
    ]


def _same_content(files: list[Path]) -> list[Problem]:
    """Report copies: the patients of one hospital would count twice."""
    sizes = Counter(path.stat().st_size for path in files)
    sizes[0] = 0  # an empty file is told as such when it is read
    first: dict[bytes, str] = {}
    return [
        Problem(path.name, f"holds the same as {known}", "give every hospital's own extract")
        for path in files
        if sizes[path.stat().st_size] > 1  # only these need to be read for it
        and (known := first.setdefault(_content(path), path.name)) != path.name
    ]


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def read_hospitals(
    plan: Plan, folder: Path, mappings: Path | None = None, read: Read = lambda _: None
) -> Hospitals:
    """Read every hospital's extract, and its mapping where there is one (`lyon.toml`).

    `read` is told of every hospital that was read.

    Raises
    ------
    ProblemsError
        If a file is not as the plan asks; the problems of all hospitals at once.
    """
    files = find_extracts(folder)
    names = _read_mappings(plan, files, mappings)
    extracts: dict[SiteId, Extract] = {}
    problems: list[Problem] = []
    for site, path in files.items():
        try:
            extracts[site] = read_extract(path, plan, names.get(site)).extract
            read(site)
        except ProblemsError as error:
            problems += _named(path.name, error)
    if problems:
        raise ProblemsError(str(folder), problems)
    return Hospitals(extracts)


def _read_mappings(
    plan: Plan, files: Mapping[SiteId, Path], folder: Path | None
) -> dict[SiteId, SiteMapping]:
    if folder is None:
        return {}
    if not folder.is_dir():
        raise NoExtractsError(f"{folder}: is no folder", "name the folder of the mapping files")
    found: dict[SiteId, SiteMapping] = {}
    fix = "name the mapping after the hospital's extract, or take it away"
    paths = sorted(folder.glob("*.toml"))
    if not paths:
        raise NoExtractsError(f"{folder}: holds no mapping file", "name it lyon.toml for lyon.csv")
    strange = [path.name for path in paths if path.stem not in files]
    problems = [Problem(name, "is a mapping of no hospital here", fix) for name in strange]
    for path in (path for path in paths if path.stem in files):
        try:
            found[site_id(path.stem)] = read_mapping(path, plan)
        except ProblemsError as error:
            problems += _named(path.name, error)
    if problems:
        raise ProblemsError(str(folder), problems)
    return found


def _named(file: str, error: ProblemsError) -> list[Problem]:
    """Say of which file each problem is."""
    return [Problem(f"{file}: {p.where}", p.rule, p.fix) for p in error.problems]


def simulate(plan: Plan, hospitals: Hospitals, seed: bytes | None, watch: Watch) -> Results:
    """Play the whole study and work out its results.

    Parameters
    ----------
    seed
        All secrets follow from it, so that the run can be repeated; None draws fresh ones.
    watch
        Told of every trip before it is asked.

    Raises
    ------
    FederationError
        If a profile's rule or the data stop the study.
    """
    return results(play_study(plan, hospitals, seed, watch))


def play_study(
    plan: Plan, hospitals: Hospitals, seed: bytes | None, watch: Watch, *, keep: bool = False
) -> Played:
    """Play the whole study as `simulate` does; `keep` keeps what proves it."""
    cohorts = _enrolled(plan, hospitals, seed)
    return play(plan, cohorts, _secret(seed, "run"), watch, keep=keep)


def _enrolled(plan: Plan, hospitals: Hospitals, seed: bytes | None) -> list[Cohort]:
    return [
        enrol(plan, site, extract, _secret(seed, "hospital", site))
        for site, extract in hospitals.extracts.items()
    ]


def _secret(seed: bytes | None, *purpose: str) -> bytes:
    if seed is None:
        return os.urandom(SECRET_SIZE)
    return digest("simulation", seed, *purpose)
