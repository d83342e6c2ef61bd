"""A preview as text for the hospital's own screen: in words, then as numbers, then as bytes."""

from collections.abc import Iterator
from shlex import quote
from textwrap import wrap

from protocol.cohort import Cohort
from protocol.plan.digest import plan_digest
from protocol.plan.explain import NEVER_LEAVES
from protocol.plan.words import handle
from protocol.words import words
from site_node.preview.items import Cell, Drawn, Item, drawn, items, masked, title
from site_node.preview.look import NEVER, own_propensity, own_survival, propensity_table
from site_node.preview.rehearsal import Rehearsal

WIDE = 46
"""Letters of a line of what leaves."""
LINE = 96
DEEP = "    "

ABOUT = (
    "What is marked 'about' hangs on totals over all hospitals; here the others are taken to be "
    "like this one, and the propensity model is fitted with a ridge penalty.",
    "A number that is about few patients here opens only in the sum over all hospitals: 'review' "
    "asks a person to look at it. What is marked 'block' does not leave.",
)
SMALL = "«»"
"""Around a number that is about few patients."""
MARKED = "A number in « » is about few patients here. Places count from 1; the others are 0."


def in_words(found: Rehearsal, cohort: Cohort, typed: str) -> str:
    """Write what would leave, what never leaves, and the hospital's quick look.

    `typed` is how the plan was named; its words are no name before it was proposed.
    """
    digest = plan_digest(found.plan)
    parts = [
        f"Plan {handle(digest)} on this hospital's rows ({found.rows:,} rows, {found.patients:,} "
        "in the study)",
        _table(items(found)),
        "\n".join(_wrapped(ABOUT)),
    ]
    if found.named:
        parts.append(_listed("Populations differ here by few patients:", found.named))
    if found.not_foretold:
        told = "Not foretold from this hospital alone; riskset plan explain lists all:"
        parts.append(_listed(told, found.not_foretold))
    parts.append(_listed("Never leaves:", NEVER_LEAVES))
    parts += _quick(found, cohort)
    parts.append(
        f"One item: riskset-site preview {quote(typed)} ITEM --numbers | --bytes\n"
        f"Decide:   riskset-site show {words(digest)}, once it was proposed"
    )
    return "\n\n".join(parts)


def in_numbers(item: Item) -> str:
    """Write the numbers of an item, release by release."""
    parts = [_heading(item), MARKED]
    for release in item.releases:
        lines = [title(release)]
        for one in drawn(release):
            lines += _field(one)
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def in_bytes(item: Item) -> str:
    """Write the masked bytes of an item, release by release; under other masks they are others."""
    told = "These masks are made up: in a run the same numbers leave as other bytes."
    bodies = [f"{title(release)}\n{masked(release)}" for release in item.releases]
    return "\n\n".join([_heading(item), told, *bodies])


def _heading(item: Item) -> str:
    return f"{item.number}  {item.what}"


def _table(found: tuple[Item, ...]) -> str:
    header = f"{'#':>3}  {'What leaves':<{WIDE}}  {'trips':>7}  {'numbers':>9}  "
    lines = [f"{header}{'smallest group':>14}  status"]
    for item in found:
        first, *more = wrap(item.what, WIDE)
        size = ("~" if item.about and item.numbers else "") + f"{item.numbers:,}"
        group = "-" if item.smallest is None else f"{item.smallest:,}"
        head = f"{item.number:>3}  {first:<{WIDE}}  {item.trips:>7}  {size:>9}  {group:>14}  "
        lines.append(f"{head}{item.verdict}".rstrip())
        lines += [f"     {line}" for line in more]
        if item.why:
            lines += [f"     {line}" for line in wrap(f"{item.verdict}: {item.why}", LINE - 5)]
    return "\n".join(lines)


def _field(one: Drawn) -> Iterator[str]:
    unit = f", {one.field.unit}" if one.field.unit not in ("", "patients") else ""
    why = f" [{one.judged.verdict}: {one.judged.why}]" if one.judged.why else ""
    yield from wrap(
        f"{one.field.what}{unit}{why}", LINE, initial_indent="  ", subsequent_indent="  "
    )
    if one.places:
        yield from wrap(
            "  ".join(f"[{p}] {_cell(c)}" for p, c in one.places),
            LINE,
            initial_indent=DEEP,
            subsequent_indent=DEEP,
        )
    for cells in one.rows:
        yield from wrap(
            " ".join(map(_cell, cells)), LINE, initial_indent=DEEP, subsequent_indent=DEEP
        )
    if one.left:
        yield f"    {one.left}"


def _cell(cell: Cell) -> str:
    return f"{SMALL[0]}{cell.text}{SMALL[1]}" if cell.small else cell.text


def _quick(found: Rehearsal, cohort: Cohort) -> Iterator[str]:
    survival, own = own_survival(found.plan, cohort), own_propensity(found.plan, cohort)
    if survival or own:
        yield NEVER
    yield from survival
    if own:
        yield propensity_table(own)


def _listed(head: str, lines: tuple[str, ...]) -> str:
    bodies = [wrap(line, LINE, initial_indent="  - ", subsequent_indent="    ") for line in lines]
    return "\n".join([head, *(line for body in bodies for line in body)])


def _wrapped(sentences: tuple[str, ...]) -> Iterator[str]:
    for sentence in sentences:
        yield from wrap(sentence, LINE)
