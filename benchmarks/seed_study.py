"""How long the seed study takes, what it sends, and the same study on pooled rows beside it."""

from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import pooled
from benchmarks.report import Row, Section
from benchmarks.seed import SEED, read_cohorts, seed_cohorts, seed_plan, seed_play
from benchmarks.timing import Stopwatch, command, median
from protocol.canonical import digest
from protocol.disclosure import check_federation
from protocol.ids import SiteId
from protocol.party import Hospital, Office, begin
from protocol.plan.digest import plan_digest
from protocol.play import Finished
from protocol.requests import Uploads
from protocol.results import results
from protocol.run import play
from protocol.secagg.messages import Reply, Result, Trip
from protocol.secagg.run import NO_DEADLINE, simulate
from riskset.synthetic import frozen

Answered = dict[SiteId, tuple[Hospital, Reply]]

SET_UP = "keys and set-up"
LOCAL = "hospitals' own computing"
MASKING = "masking, signing, checking requests"
ADDING = "adding up and verifying, at the office and once for all hospitals"
REPLAY = "learning and replay, office and hospitals"
PARTS = (SET_UP, LOCAL, MASKING, ADDING, REPLAY)

MOST_SECONDS, MOST_SECONDS_DEMO = 3.0, 20.0
MOST_BYTES_UP = 4e6  # with overlap weights, as the seed study has; 2e6 without weights


def measure(runs: int) -> Section:
    """Time the study from cohorts to results, its parts, and the pooled analysis beside it."""
    seed_play()  # loads what is imported on the way
    whole = median(lambda: play(seed_plan(), seed_cohorts(), SEED), runs)
    reading = median(read_cohorts, runs)
    folding = median(lambda: results(seed_play()), runs)
    rows = median(lambda: pooled.whole_study(frozen()), runs)
    ours = reading.wall + whole.wall + folding.wall
    parts = parts_of_play().seconds
    how = (
        "Seven hospitals and the office in one process, every mask, signature and check included, "
        f"libraries loaded; medians of {runs}. Beside it: the same study on pooled rows by "
        "lifelines and scikit-learn, from the same files to estimates of the same kinds. The parts "
        "are of one run; around one table the sums are added up again once for all hospitals."
    )
    table = [
        Row("the whole study, cohorts to sums", whole.wall, "s", MOST_SECONDS),
        *(Row(f"— {part}", parts[part], "s") for part in PARTS),
        Row("reading seven extracts", reading.wall, "s"),
        Row("results from the sums", folding.wall, "s"),
        Row("pooled rows, lifelines + scikit-learn", rows.wall, "s"),
        Row("ratio: federation to pooled rows", ours / rows.wall, "times"),
    ]
    return Section("Seed study in one process", how, tuple(table))


def measure_command() -> Section:
    """Time `riskset demo` as a person would: start, imports, study, report."""
    with TemporaryDirectory() as folder:
        took = command(["demo", "--out", str(Path(folder) / "demo"), "--quiet"])
    how = "`riskset demo` in a fresh process, from the command to the finished report, once."
    rows = (
        Row("command to report", took.wall, "s", MOST_SECONDS_DEMO),
        Row("command to report, processor time", took.cpu, "s"),
    )
    return Section("Demo from the command line", how, rows)


def measure_traffic() -> Section:
    """Count what a hospital sends in the seed study."""
    asked = seed_play().asked
    sent = sum(step.bytes for step in asked)
    how = "What one hospital sends in the seed study, without the envelope of a carrier."
    rows = (
        Row("trips", seed_play().trips),
        Row("steps", len(asked)),
        Row("numbers up per hospital", sum(step.numbers for step in asked)),
        Row("bytes up per hospital", sent, "bytes", MOST_BYTES_UP),
        Row("ratio: bytes of masked words to 8 a number", sent / _plain_bytes(), "times"),
    )
    return Section("Traffic of the seed study", how, rows)


def _plain_bytes() -> int:
    return 8 * sum(step.numbers for step in seed_play().asked)


def parts_of_play() -> Stopwatch:
    """Play the study with a stopwatch at every move; the moves are those of `protocol.run`."""
    clock, plan, cohorts = Stopwatch(), seed_plan(), seed_cohorts()
    with clock(SET_UP):
        check_federation(plan, cohorts)
        table = simulate(plan.study.id, [c.site for c in cohorts], plan_digest(plan), SEED)
        start = begin(plan, table.view)
        own = {c.site: c for c in cohorts}
        hospitals = {s: Hospital(own[s], state, start) for s, state in table.sites.items()}
        office, salts = Office(table.coordinator_seed, start), _salts()
    while True:
        with clock(REPLAY):
            if isinstance(office.known.next, Finished):
                return clock
            _ = office.known.blocks
            for hospital in hospitals.values():  # around one table they share what they know
                _ = hospital.known.blocks
        answered = _replies(clock, hospitals, office.request(NO_DEADLINE))
        with clock(ADDING):
            replies = {site: reply for site, (_, reply) in answered.items()}
            office, closed, uploads = office.close(replies, salts)
            hospitals = _accepted(answered, closed.result, uploads)


def _replies(clock: Stopwatch, hospitals: Mapping[SiteId, Hospital], request: Trip) -> Answered:
    """Answer a request; what the steps compute is timed again by itself and taken off."""
    with clock("again"):
        for hospital in hospitals.values():
            for step in hospital.known.steps:
                if step.layout().fields:
                    step.local(hospital.cohort)
    local = clock.seconds.pop("again")
    clock.seconds[LOCAL] += local
    clock.seconds[MASKING] -= local
    with clock(MASKING):
        return {site: hospital.reply(request) for site, hospital in hospitals.items()}


def _accepted(answered: Answered, result: Result, uploads: Uploads) -> dict[SiteId, Hospital]:
    readded = next(iter(answered.values()))[0].readd(result, uploads)  # around one table
    return {s: h.build_on(readded) for s, (h, _) in answered.items()}


def _salts() -> Callable[[], bytes]:
    numbers = count()
    return lambda: digest("benchmarks", SEED, next(numbers).to_bytes(4, "little"))
