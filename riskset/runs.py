"""A simulation from its files to its files: plan and extracts to results, report and bundle.

Nothing appears in the folder of results before everything has been worked out.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from coordinator.bundle.names import BUNDLE, READER
from coordinator.publish import write_run
from coordinator.report.choice import hazard_ratio, log_rank, main_population, survival_of
from coordinator.report.page import REPORT
from coordinator.report.tidy import TABLES
from coordinator.results import RESULTS, staged
from protocol.canonical import Json
from protocol.errors import Exit, FederationError
from protocol.plan.model import Plan
from protocol.results import Results
from protocol.run import Played
from riskset.progress import Progress
from riskset.simulate import play_study, read_hospitals, with_profile_open
from riskset.terminal import print_lines, print_table
from site_node.plan_file import read_plan_file

PLAN = "plan.toml"
EXTRACTS = "extracts"
FILES = (RESULTS, REPORT, BUNDLE, READER, *TABLES)
"""What a run writes, beside what a demo unpacks."""


UNLOCKED = (
    "A simulation shows them at once: nobody looked at the balance first or gave a reason. A run "
    "between buildings waits for both: riskset run unlock RUN --reason TEXT."
)


class OutputError(FederationError):
    """The folder for results holds something that is not ours to replace."""

    code = "would-overwrite"
    exit = Exit.USAGE
    fix = "name a new or empty folder with --out"


@dataclass(frozen=True)
class Simulated:
    """A simulation that was run: its results and where they lie.

    `unlocked` says that the plan locks outcomes, which a simulation asks for all the same.
    """

    results: Results
    out: Path
    unlocked: bool = False

    def as_json(self) -> dict[str, Json]:
        """Say it for scripts."""
        study = self.results.study
        return {
            "schema": "riskset:simulate/1",
            "simulated": study.simulated,
            "plan": study.plan_handle,
            "plan_digest": study.plan_digest,
            "run_id": study.run_id,
            "profile": study.profile,
            "hospitals": list(study.hospitals),
            "patients": _pair(self.results),
            "unlocked": self.unlocked,
            "left_out": [{"name": o.name, "reason": o.reason} for o in self.results.left_out],
            "files": files_json(self.out),
        }

    def show(self) -> None:
        """Say it for people."""
        study, patients = self.results.study, self.results.flow.patients
        counts = f"{patients.treated:,} v {patients.comparator:,}"
        hospitals = told_hospitals(len(study.hospitals))
        print_lines(
            f"SIMULATED · {study.title}",
            [f"Plan {study.plan_handle}; {hospitals}; {counts} patients"],
        )
        if self.unlocked:
            print_lines("Outcomes are locked in this plan", [UNLOCKED])
        if rows := _estimates(self.results):
            print_table(("Endpoint", "Population", "Hazard ratio (95 % CI)", "Log-rank P"), rows)
        show_files(self.out)


def _pair(results: Results) -> dict[str, Json]:
    patients = results.flow.patients
    return {"comparator": patients.comparator, "treated": patients.treated}


def _estimates(results: Results) -> list[tuple[str, str, str, str]]:
    from coordinator.report.wording import interval, p_value  # noqa: PLC0415

    population = main_population(results)
    rows = []
    for found in survival_of(results, population.name) if population else ():
        hr, test = hazard_ratio(found), log_rank(found)
        told = interval(hr.hazard_ratio, hr.conf_low, hr.conf_high) if hr else found.not_estimable
        p = p_value(test.test.p_value) if test else ""
        rows.append((found.label, population.label if population else "", told, p))
    return rows


def files_json(out: Path) -> dict[str, Json]:
    """Name the files of a run for scripts."""
    tables: dict[str, Json] = {name.removesuffix(".csv"): str(out / name) for name in TABLES}
    return {
        "results": str(out / RESULTS),
        "report": str(out / REPORT),
        "bundle": str(out / BUNDLE),
        "reader": str(out / READER),
        "tables": tables,
    }


def show_files(out: Path) -> None:
    """Name the files of a run for people."""
    lines = [
        f"{out / REPORT}  open it in a browser",
        f"{out / RESULTS}  every number at full precision",
        f"{out / '*.csv'}  tidy tables: {', '.join(name[:-4] for name in TABLES)}",
        f"{out / BUNDLE}  all that proves it: riskset verify {out / BUNDLE}",
        f"{out / READER}  the same for readers outside: what may be published, and no sum",
    ]
    print_lines("Written", lines)


def run_simulation(
    plan_path: Path,
    sites: Path,
    out: Path,
    mappings: Path | None,
    seed: bytes | None,
    *,
    opened: bool,
    quiet: bool,
) -> Simulated:
    """Run a plan over a folder of extracts and write everything to `out`.

    Raises
    ------
    FederationError
        If plan, extracts or `out` are not as they should be, or a rule stops the study.
    """
    check_out(out, FILES)
    plan = read_plan_file(plan_path)
    # Staged from the start: a folder that cannot be written to is told before the long run.
    with Progress(quiet=quiet) as progress, staged(out) as place:
        chosen = with_profile_open(plan) if opened else plan
        results = write_run(played(chosen, sites, mappings, seed, progress), place)
    return Simulated(results, out, unlocked=plan.study.outcomes_locked)


def played(
    plan: Plan, sites: Path, mappings: Path | None, seed: bytes | None, progress: Progress
) -> Played:
    """Read the extracts, play the study, and show progress; the report's stage is begun."""
    progress.stage("Read the extracts")
    hospitals = read_hospitals(plan, sites, mappings)
    progress.detail(f"{hospitals.rows:,} rows of {told_hospitals(len(hospitals.extracts))}")
    found = play_study(plan, hospitals, seed, progress.watch, keep=True)
    progress.stage("Write results and report")
    return found


def told_hospitals(count: int) -> str:
    """Say a number of hospitals."""
    return "1 hospital" if count == 1 else f"{count} hospitals"


def check_out(out: Path, ours: tuple[str, ...]) -> None:
    """Refuse a folder that holds anything but an earlier run's files.

    Raises
    ------
    OutputError
        Naming what is in the way.
    """
    if not out.exists():
        return
    if not out.is_dir():
        raise OutputError(f"{out}: is a file")
    there = sorted(path.name for path in out.iterdir() if not path.name.startswith(".riskset-"))
    if strange := [name for name in there if name not in ours]:
        shown = ", ".join(strange[:3]) + (", ..." if len(strange) > 3 else "")
        raise OutputError(f"{out}: holds {shown}, which no run of this kind writes")
    if there and not _is_result(out / RESULTS):
        raise OutputError(f"{out}: is not empty, and holds no results of an earlier run")


def _is_result(path: Path) -> bool:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(data, dict) and str(data.get("schema", "")).startswith("riskset-results/")
