"""What was left out, what left each hospital, and who saw what."""

from collections.abc import Iterable

from coordinator.report.blocks import Block, Items, Row, Section, Table, Text
from coordinator.report.choice import level_label, population_label
from coordinator.report.wording import count, list_of
from protocol.plan.profiles import PROFILES
from protocol.results.model import Leaving, Results
from protocol.results.values.thresholds import Threshold

OPEN = (
    "Profile “open”: there are no disclosure rules. It runs only where all rows are on one "
    "machine, for simulations and tests."
)


def left_out_section(results: Results) -> Section:
    """Say in words what was not made, not looked at or not estimable."""
    items = tuple(dict.fromkeys(_left_out(results)))
    if not items:
        told = "Nothing that the plan asks for was left out."
        return Section("left-out", "Left out", (Text((told,)),))
    return Section("left-out", "Left out", (Items(items),))


def _left_out(results: Results) -> Iterable[str]:
    if results.propensity is not None and results.propensity.stopped:
        yield f"Propensity score: {results.propensity.stopped}."
    if results.propensity is not None:
        for column in results.propensity.dropped:
            yield f"Column {column.column} of the propensity model: {column.reason}."
    for one in results.left_out:
        yield f"{population_label(results, one.name)}: {one.reason}."
    for design in results.designs:
        if design.reason:
            yield f"{population_label(results, design.name)}: {design.reason}."
    for found in results.survival:
        if found.not_estimable:
            where = population_label(results, found.population)
            level = f", {level_label(results, found.level)}" if found.level else ""
            yield f"Hazard ratio of {found.label} ({where}{level}): {found.not_estimable}."


def privacy_section(results: Results, edition: tuple[str, ...] = ()) -> Section:
    """Say what left each hospital, under which rules, and who can read it.

    `edition` are the sentences of a published edition; none is the consortium's.
    """
    blocks: list[Block] = [Text(tuple(_statement(results, edition)))]
    if results.thresholds:
        blocks.append(_thresholds(results.thresholds))
    if results.leaving:
        blocks.append(_leaving(results))
    return Section("privacy", "What left each hospital", tuple(blocks))


def _statement(results: Results, edition: tuple[str, ...]) -> Iterable[str]:
    study = results.study
    if study.simulated:
        yield (
            "This is a simulation: all rows were on one machine, so whoever ran it could see them. "
            "What follows tells what would have left each hospital in a real federation."
        )
        if len(study.hospitals) < 3:
            yield (
                "With fewer than three hospitals masks hide nothing: each could work out the "
                "other's numbers from the total."
            )
    numbers = sum(one.numbers for one in results.leaving)
    size = sum(one.bytes for one in results.leaving)
    trips = max((one.trip for one in results.leaving), default=0)
    yield (
        f"No patient's row, identifier, date or free text left a hospital. Each sent "
        f"{count(numbers)} numbers ({count(size)} bytes) in {trips} trips: counts and sums under "
        "masks that cancel only when those of all hospitals are added. Nobody sees one hospital's "
        "numbers, unless all the others take theirs out of a total together, or it alone has "
        "patients of a kind: then the total is its own number, though it does not say whose."
    )
    yield (
        "The coordinating centre is a recipient of the pooled sums, uncut: what this report shows "
        "and does not show is decided after it has seen them."
    )
    yield _profile(study.profile)
    if edition:
        yield "Edition: for publication, made from the reduced results alone."
        yield from edition
        return
    yield (
        "Edition: for the members of the consortium. Small counts stand here in full, because "
        f"replication needs them. {_before_publication(study.profile)}"
    )


def _profile(name: str) -> str:
    if name not in PROFILES:
        return OPEN
    profile = PROFILES[name]
    return (
        f"Profile “{name}”, meant for {profile.meant_for}. {profile.totals} {profile.grid} "
        f"Two populations may differ by {profile.difference} patients, and not by fewer."
    )


def _before_publication(profile: str) -> str:
    if profile not in PROFILES:
        return "The profile asks for nothing before publication."
    return f"Whoever publishes from it has to see to it that {PROFILES[profile].published}."


def _thresholds(found: Iterable[Threshold]) -> Table:
    """Say which thresholds were in force, and who bound in each."""
    rows = tuple(
        Row((one.what[:1].upper() + one.what[1:], one.value, _BY[one.by])) for one in found
    )
    return Table(
        "Thresholds in force, and who bound",
        ("Threshold", "Value", "Bound by"),
        rows,
        notes=(
            "The strictest of plan, profile and hospitals binds. A hospital's condition is one of "
            "its signed approval, and about itself where it speaks of patients; settings that a "
            "hospital keeps to itself can be stricter still, and only it knows them.",
        ),
        words=(0, 1, 2),
    )


_BY = {"plan": "the plan", "profile": "the profile", "hospital": "a hospital's condition"}


def _leaving(results: Results) -> Table:
    """Group what left by kind of step."""
    steps = list(dict.fromkeys(one.step for one in results.leaving))
    rows = [_step_row([one for one in results.leaving if one.step == step]) for step in steps]
    total = (
        *("All", "", "", ""),
        count(sum(one.numbers for one in results.leaving)),
        count(sum(one.bytes for one in results.leaving)),
    )
    return Table(
        "What left each hospital, by step",
        ("Step", "What, in words", "Trips", "Times", "Numbers", "Bytes"),
        (*rows, Row(total, "total")),
        notes=(
            "For one hospital. Bytes include the lanes that prove that masks cancel. leaving.csv "
            "lists every step by itself.",
        ),
        words=(0, 1, 2),
    )


def _step_row(asked: list[Leaving]) -> Row:
    words = list(dict.fromkeys(part for one in asked for part in one.what.split("; ")))
    told = "; ".join(words)
    return Row(
        (
            asked[0].step.partition("/")[0].replace("-", " "),
            told,
            _ranges(sorted({one.trip for one in asked})),
            count(len(asked)),
            count(sum(one.numbers for one in asked)),
            count(sum(one.bytes for one in asked)),
        )
    )


def _ranges(trips: list[int]) -> str:
    """Write numbers with runs drawn together: "4 to 8 and 15"."""
    runs: list[list[int]] = []
    for trip in trips:
        if runs and trip == runs[-1][-1] + 1:
            runs[-1].append(trip)
        else:
            runs.append([trip])
    return list_of([f"{r[0]}" if len(r) == 1 else f"{r[0]} to {r[-1]}" for r in runs])
