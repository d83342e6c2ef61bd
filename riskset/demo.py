"""The seed study on the packaged synthetic cohort, beside the figures that were published.

A coordinator and seven nodes run it on this machine, each a process, over gRPC with TLS.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from coordinator.bundle.write import Beside
from coordinator.journal import RunState
from coordinator.publish import approvals_of, write_run
from coordinator.report.choice import binary_of, log_rank, main_population, survival_of
from coordinator.report.wording import p_value, percent
from coordinator.results import staged
from coordinator.status import RunStatus
from protocol.canonical import Json
from protocol.ids import site_id
from protocol.plan.model import Plan
from protocol.plan.read import read_plan
from protocol.results import Results
from protocol.results.values.binary import BinaryResult
from protocol.results.values.propensity import PopulationCard
from protocol.results.values.survival import SurvivalResult
from riskset.consortium import assemble
from riskset.consortium_run import running
from riskset.plans import read_builtin
from riskset.progress import Progress
from riskset.runs import (
    EXTRACTS,
    FILES,
    PLAN,
    OutputError,
    check_out,
    files_json,
    show_files,
)
from riskset.synthetic import frozen, unpack
from riskset.terminal import print_lines, print_table

SOURCE = "Li et al., Radiology 2023"
SEED = b"riskset demo"
"""Fixed and public, so that the demo shows the same on every machine: nobody's data need it."""

NOTICE = "The patients are synthetic: nobody in this cohort exists."
REASON = "A demonstration on synthetic patients: the balance is in its report."
"""For which outcomes are unlocked where its plan locks them; the journal keeps it."""
FIVE_YEARS = 1825
HONEST = (
    "Nobody in this cohort exists: it was drawn at random and calibrated to the published "
    "figures, so meeting them shows that the software computes what it should, and nothing about "
    "ablation. Matching that sees all rows finds 100 pairs in it; here pairs are drawn by lot "
    "within bins of the score, so that no hospital shows a row, which gives {pairs} pairs and "
    "figures that differ by the luck of the draw."
)


@dataclass(frozen=True)
class Comparison:
    """One figure of the publication and what this run found; the upfront arm comes first."""

    what: str
    published: str
    reproduced: str


@dataclass(frozen=True)
class Demo:
    """A demo that was run."""

    results: Results
    out: Path

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """Every published figure beside its reproduction."""
        return compare(self.results)

    @property
    def sentence(self) -> str:
        """What the comparison means, and why it is not exact."""
        population = main_population(self.results)
        return HONEST.format(pairs=population.patients.treated if population else "no")

    def as_json(self) -> dict[str, Json]:
        """Say it for scripts."""
        study = self.results.study
        compared: list[Json] = [
            {"what": c.what, "published": c.published, "reproduced": c.reproduced}
            for c in self.comparisons
        ]
        return {
            "schema": "riskset:demo/2",
            "synthetic": True,
            "plan": study.plan_handle,
            "hospitals": list(study.hospitals),
            "source": SOURCE,
            "comparisons": compared,
            "note": self.sentence,
            "files": {
                **files_json(self.out),
                "plan": str(self.out / PLAN),
                "extracts": str(self.out / EXTRACTS),
            },
        }

    def show(self) -> None:
        """Say it for people."""
        study = self.results.study
        print_lines(
            f"SYNTHETIC PATIENTS · {study.title}",
            [f"Plan {study.plan_handle}; {len(study.hospitals)} hospitals; upfront v delayed", ""],
        )
        rows = [(c.what, c.published, c.reproduced) for c in self.comparisons]
        print_table(("", f"published ({SOURCE})", "reproduced"), rows)
        print_lines("What this means", [self.sentence])
        show_files(self.out)


def run_demo(out: Path, *, quiet: bool, keep: Path | None = None) -> Demo:
    """Unpack the extracts, run the study, and write extracts, plan, results and report to `out`.

    Seven hospitals' nodes run as processes of their own. Their folders, keys and ledgers go to
    `keep`, else into a temporary folder that is deleted.

    Raises
    ------
    OutputError
        If `out` holds something else than an earlier demo.
    """
    check_out(out, (*FILES, PLAN, EXTRACTS))
    text = read_builtin("crlm")
    _check_inputs(out, text)
    with Progress(quiet=quiet) as progress, staged(out) as place:
        unpack(place / EXTRACTS)
        (place / PLAN).write_text(text, encoding="utf-8", newline="\n")
        results = _run(place, read_plan(text, PLAN), keep, progress)
    return Demo(results, out)


def _run(place: Path, plan: Plan, keep: Path | None, progress: Progress) -> Results:
    extracts = {site_id(file.stem): file for file in sorted((place / EXTRACTS).glob("*.csv"))}
    progress.stage("Found a centre and seven hospitals")
    with _workplace(keep) as folder:
        consortium = assemble(folder, place / PLAN, plan, extracts, SEED)
        progress.stage("Start the hospitals' nodes")
        with running(consortium) as all_of_them:
            run = all_of_them.conduct(lambda status: _watch(progress, status), REASON)
            progress.stage("Write results and report")
            # Before the daemon ends: the bundle is read from its journal.
            federation = consortium.config.federation.read_bytes()
            said = approvals_of(all_of_them.store, run)
            return write_run(run, place, Beside(NOTICE, federation, said))


@contextmanager
def _workplace(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        if keep.exists() and any(keep.iterdir()):
            raise OutputError(f"{keep}: is not empty")
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.absolute()
        return
    with TemporaryDirectory(prefix="riskset-demo-") as folder:
        yield Path(folder)


def _watch(progress: Progress, status: RunStatus) -> None:
    """Show the stage that the run is in, and what has come in so far."""
    if status.row.state is RunState.OPENING:
        progress.stage("Gather fresh keys")
    elif status.row.state is RunState.ASKING and status.steps:
        progress.asked(status.steps[0], status.row.trip, status.bytes_up // len(status.sites))


def _check_inputs(out: Path, text: str) -> None:
    """Refuse to replace a plan or an extract that somebody edited."""
    wanted = {out / EXTRACTS / name: path.read_bytes() for name, path in frozen().items()}
    wanted[out / PLAN] = text.encode()
    there = [out / PLAN, *(out / EXTRACTS).glob("*")]
    for path in there:
        if path.exists() and (not path.is_file() or path.read_bytes() != wanted.get(path)):
            raise OutputError(f"{path}: is not what the demo would write there")


def compare(results: Results) -> tuple[Comparison, ...]:
    """Put the published figures of the seed study beside the results' own."""
    flow, matched = results.flow.patients, main_population(results)
    rows = [
        Comparison("Patients", "103 v 255", f"{flow.treated} v {flow.comparator}"),
        Comparison("Matched", "100 v 100", _matched(matched)),
    ]
    survival = {r.endpoint: r for r in survival_of(results, matched.name)} if matched else {}
    binary = {r.endpoint: r for r in binary_of(results, matched.name)} if matched else {}
    dfs, os = "36 % v 21 %, P = .02", "64 % v 59 %, P = .49"
    rows += [
        Comparison("Disease-free at 5 years", dfs, _alive(survival.get("dfs"))),
        Comparison("Alive at 5 years", os, _alive(survival.get("os"))),
        Comparison("Complications", "5 % v 6 %, P = .76", _risk(binary.get("complication"))),
        Comparison("Drug adverse events", "9 % v 9 %, P = .99", _risk(binary.get("drug_ae"))),
    ]
    return tuple(rows)


def _matched(card: PopulationCard | None) -> str:
    return f"{card.patients.treated} v {card.patients.comparator}" if card else "not made"


def _alive(found: SurvivalResult | None) -> str:
    if found is None or (test := log_rank(found)) is None:
        return "not shown"
    shares = [
        next(p.survival for p in arm if p.time == FIVE_YEARS)
        for arm in (found.landmarks.treated, found.landmarks.comparator)
    ]
    return f"{percent(shares[0])} v {percent(shares[1])}, P = {p_value(test.test.p_value)}"


def _risk(found: BinaryResult | None) -> str:
    if found is None:
        return "not shown"
    treated, comparator = percent(found.risk.treated), percent(found.risk.comparator)
    return f"{treated} v {comparator}, P = {p_value(found.chi_square.p_value)}"
