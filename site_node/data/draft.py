"""The draft of a mapping as a hospital meets it: on the screen, as JSON, or as a new file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protocol.errors import Exit, FederationError
from protocol.plan.model import Plan
from site_node.data.propose import propose
from site_node.data.propose_levels import quoted
from site_node.data.sniff import sniff


class MappingExistsError(FederationError):
    """A file stands where the draft would go."""

    code = "would-overwrite"
    exit = Exit.USAGE
    fix = "name another file with --out, or move this one away"


@dataclass(frozen=True)
class Draft:
    """A proposed mapping, what is left to decide, and rows where they were asked for."""

    extract: str
    text: str
    decisions: tuple[str, ...]
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def as_json(self) -> dict[str, Any]:
        """Make the draft for scripts; rows are in it only where they were asked for."""
        said = {
            "schema": "riskset-site:data/1",
            "extract": self.extract,
            "mapping": self.text,
            "decide": list(self.decisions),
        }
        shown = {"header": list(self.header), "rows": [list(row) for row in self.rows]}
        return {**said, **shown} if self.rows else said

    def rows_text(self) -> str:
        """Write the rows that were asked for, field by field, as comments of the draft."""
        lines = []
        for number, row in enumerate(self.rows, start=2):
            lines.append(f"# row {number}")
            pairs = zip(self.header, row, strict=True)
            lines += [f"#   {quoted(name)} {quoted(value)}" for name, value in pairs]
        return "\n".join(lines)


def draft(path: Path, plan: Plan, *, rows: int = 0, values: bool = False) -> Draft:
    """Propose a mapping for an extract.

    Raises
    ------
    ProblemsError
        If the file cannot be read, or its beginning is no CSV.
    """
    sniffed = sniff(path)
    found = propose(plan, sniffed, values=values)
    shown = tuple(tuple(row) for row in sniffed.first_rows(rows))
    return Draft(str(path), found.text, found.decisions, sniffed.header, shown)


def write_draft(found: Draft, out: Path) -> None:
    """Write the mapping to a new file; what stands there is never replaced.

    Raises
    ------
    MappingExistsError
        If there is such a file.
    """
    try:
        file = out.open("x", encoding="utf-8", newline="\n")
    except FileExistsError:
        raise MappingExistsError(f"{out}: is there already; nothing is overwritten") from None
    with file:
        file.write(found.text)
