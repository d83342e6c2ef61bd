"""The commands about bundles: `riskset verify`, `recompute`, `compare`, `report`, `reader`.

They need a file and nothing else: no network, no hospital, no journal.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from coordinator.bundle.names import BUNDLE
from coordinator.bundle.plain import BundleError
from coordinator.bundle.reader import Bundle, open_bundle
from coordinator.checks import Tick
from coordinator.compare import KEY, Comparison, Found, Side, compare
from coordinator.report.wording import interval, p_phrase
from coordinator.verify import verify
from protocol.canonical import Json
from protocol.errors import Exit
from riskset.terminal import (
    Format,
    FormatOption,
    command_group,
    note,
    print_json,
    print_lines,
    print_table,
)

app = command_group("bundle", "Prove a run, work it out again, compare it, publish it.")

BundleArgument = Annotated[Path, typer.Argument(help="The bundle of a run, bundle.zip.")]


@contextmanager
def _opened(path: Path) -> Iterator[Bundle]:
    """Open a bundle, or the one in a folder of results."""
    with open_bundle(path / BUNDLE if path.is_dir() else path) as bundle:
        yield bundle


@app.command("verify")
def verify_bundle(bundle: BundleArgument, output: FormatOption = Format.TEXT) -> None:
    """Check signatures, digests and questions, and add every sum up again."""
    with _opened(bundle) as opened:
        verdict = verify(opened)
        simulated = opened.manifest.simulated
    if output is Format.JSON:
        ticks: list[Json] = [_tick_json(tick) for tick in verdict.ticks]
        said: dict[str, Json] = {"holds": verdict.holds, "complete": verdict.complete}
        said |= {"simulated": simulated, "checks": ticks}
        print_json({"schema": "riskset:verify/1", **said})
    else:
        for tick in verdict.ticks:
            _show(tick)
        if verdict.holds:
            print_lines("Next", [f"riskset recompute {bundle}"])
    if not verdict.holds:
        raise typer.Exit(int(Exit.TAMPERING))


def _tick_json(tick: Tick) -> Json:
    told: dict[str, Json] = {"what": tick.what, "holds": not tick.fault}
    return {**told, "found": tick.fault or tick.found, "unchecked": tick.unchecked}


def _show(tick: Tick) -> None:
    if tick.fault:
        note("error", f"{tick.what}: {tick.fault}", BundleError.fix, code=tick.code)
    else:
        note("ok", f"{tick.what}: {tick.found}", error=False)
    if tick.unchecked:
        note("warn", f"{tick.what}: not checked: {tick.unchecked}", error=False)


@app.command("recompute")
def recompute_bundle(
    bundle: BundleArgument,
    out: Annotated[
        Path | None, typer.Option(help="Write results and report anew into this folder.")
    ] = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Work every number and figure out again from the opened sums alone, and compare."""
    from coordinator.recompute import recompute  # noqa: PLC0415 - draws figures
    from riskset.runs import FILES, check_out  # noqa: PLC0415

    if out is not None:
        check_out(out, FILES)
    with _opened(bundle) as opened:
        found = recompute(opened)
        if out is not None:
            found.write(out)
    equal, total = found.numbers
    if output is Format.JSON:
        members: list[Json] = [
            {"member": one.member, "found": one.sentence(), "odd": list(one.odd)}
            for one in found.compared
        ]
        numbers: dict[str, Json] = {"equal": equal, "numbers": total}
        said: dict[str, Json] = {"schema": "riskset:recompute/1", "holds": found.holds}
        said |= {"complete": not found.unchecked, "unchecked": found.unchecked}
        print_json({**said, **numbers, "members": members})
    else:
        for one in found.compared:
            kind = "ok" if one.holds else "error"
            note(kind, f"{one.member}: {one.sentence()}", error=not one.holds)
            for place in one.odd:
                note("error", f"{one.member}: {place}")
        if found.unchecked:
            note("warn", found.unchecked, error=False)
        told = "Laid out again" if found.unchecked else f"{equal:,} of {total:,} numbers equal"
        print_lines(told, [f"written to {out}"] if out else [])
    if not found.holds:
        raise typer.Exit(int(Exit.TAMPERING))


class EditionName(StrEnum):
    """Which edition of the results."""

    CONSORTIUM = "consortium"
    PUBLICATION = "publication"


@app.command("report")
def report(  # noqa: PLR0917 - typer names them all on the command line
    source: Annotated[Path, typer.Argument(help="A bundle, or a run's results.json.")],
    out: Annotated[Path, typer.Option(help="The folder for the edition; new or empty.")],
    edition: Annotated[
        EditionName, typer.Option(help="'consortium' shows all; 'publication' what may leave it.")
    ] = EditionName.PUBLICATION,
    floor: Annotated[
        int | None, typer.Option(help="A higher floor for counts than the profile's.")
    ] = None,
    at_risk: Annotated[
        int | None, typer.Option(help="End curves where fewer are at risk than this.")
    ] = None,
    earlier: Annotated[
        Path | None, typer.Option(help="The publication.json of an edition published before.")
    ] = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Write an edition of the results: report, tables, and what was hidden by which rule."""
    from riskset.editions import Wanted, write_editions  # noqa: PLC0415 - draws figures

    wanted = Wanted(edition == EditionName.PUBLICATION, floor, at_risk, earlier)
    statement = write_editions(source, out, wanted)
    if output is Format.JSON:
        told: list[Json] = list(statement)
        print_json({"schema": "riskset:report/1", "edition": str(edition), "statement": told})
        return
    if statement:
        print_lines("What this edition says of itself", statement)
    print_lines("Written", [f"{out}  the {edition} edition"])


@app.command("reader")
def reader(
    bundle: BundleArgument,
    out: Annotated[Path, typer.Option(help="The file for the readers' form; it must be new.")],
    earlier: Annotated[
        Path | None, typer.Option(help="The publication.json of an edition published before.")
    ] = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Take the form for readers outside the consortium out of a bundle: what may be published."""
    from riskset.editions import take_out  # noqa: PLC0415 - draws figures

    with _opened(bundle) as opened:
        statement = take_out(opened, out, earlier)
    if output is Format.JSON:
        told: list[Json] = list(statement)
        print_json({"schema": "riskset:reader/1", "file": str(out), "statement": told})
        return
    print_lines("What this edition says of itself", statement)
    print_lines("Written", [f"{out}  for readers: riskset verify {out}"])


@app.command("compare")
def compare_bundles(
    first: BundleArgument,
    second: Annotated[Path, typer.Argument(help="The other run's bundle.")],
    everything: Annotated[
        bool, typer.Option("--all", help="Show every estimate, not ratios alone.")
    ] = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """Put the estimates of two runs side by side. Verify both first."""
    with _opened(first) as one, _opened(second) as other:
        found = compare(one, other)
    shown = [side for side in found.sides if everything or side.ratio]
    if output is Format.JSON:
        print_json(_comparison_json(found, shown))
        return
    print_table(("Estimate", "First", "Second", "Intervals"), [_row(side) for side in shown])
    print_lines("Side by side", _summary(found))


def _row(side: Side) -> tuple[str, str, str, str]:
    overlap = {True: "overlap", False: "apart", None: ""}[side.overlap]
    return " · ".join(part for part in side.key if part), *_told(side), overlap


def _told(side: Side) -> tuple[str, str]:
    first, second = (_found(found) for found in (side.first, side.second))
    return first, second


def _found(found: Found | None) -> str:
    if found is None:
        return "not there"
    if math.isnan(found.estimate):
        return p_phrase(found.p_value)
    return interval(found.estimate, found.conf_low, found.conf_high)


def _summary(found: Comparison) -> list[str]:
    plan = "one plan" if found.same_plan else "two plans: read them before the numbers"
    return [
        f"Runs {found.runs[0][:8]} and {found.runs[1][:8]} of {plan}",
        f"{found.identical:,} of {len(found.sides):,} estimates are the same",
        f"{found.overlap.holds:,} of {found.overlap.of:,} pairs of intervals overlap",
        f"{found.within.holds:,} of {found.within.of:,} second estimates lie in the first interval",
        f"{found.same_direction.holds} of {found.same_direction.of} ratios point the same way",
    ]


def _comparison_json(found: Comparison, shown: Sequence[Side]) -> Json:
    sides: list[Json] = [
        {**dict(zip(KEY, side.key, strict=True)), "first": _json(side.first)}
        | {"second": _json(side.second), "overlap": side.overlap, "within": side.within}
        for side in shown
    ]
    return {
        "schema": "riskset:compare/1",
        "same_plan": found.same_plan,
        "runs": list(found.runs),
        "estimates": len(found.sides),
        "identical": found.identical,
        "overlap": {"holds": found.overlap.holds, "of": found.overlap.of},
        "within": {"holds": found.within.holds, "of": found.within.of},
        "same_direction": {"holds": found.same_direction.holds, "of": found.same_direction.of},
        "sides": sides,
    }


def _json(found: Found | None) -> Json:
    if found is None:
        return None
    return {name: None if math.isnan(value) else value for name, value in vars(found).items()}
