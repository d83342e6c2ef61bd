"""A ledger as evidence for people: every line in words, with its digests, and nothing of a row.

Written out it can be kept in an ethics file, and held against the ledger line by line.
"""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from html import escape
from io import StringIO
from typing import Any

from protocol.governance.approval import Decision
from protocol.governance.chain import read_roster_file
from protocol.governance.federation import party_words
from protocol.governance.proposal import Proposal
from protocol.governance.roster import Roster
from protocol.ids import SiteId
from protocol.plan.words import handle
from site_node.course import SHOWN, parts_of, read_answer, read_done, read_opening
from site_node.ledger import Kind, Line


class AuditFormat(StrEnum):
    """How an export is written."""

    JSONL = "jsonl"
    CSV = "csv"
    HTML = "html"


FIELDS = ("line", "time", "kind", "run", "trip", "said", "body_sha256", "digest")


@dataclass(frozen=True)
class Record:
    """One line of the ledger in words. `run` is the beginning of its ctx, as the log has it."""

    line: int
    time: str
    kind: str
    run: str
    trip: int
    said: str
    body_sha256: str
    digest: str

    @property
    def cells(self) -> tuple[str | int, ...]:
        """All fields, in the order of `FIELDS`."""
        return tuple(getattr(self, name) for name in FIELDS)


def records(lines: Iterable[Line], since: datetime | None = None) -> Iterator[Record]:
    """Say lines in words, from a time on if one is given."""
    for line in lines:
        if since is None or line.moment >= since:
            yield Record(
                line=line.seq,
                time=line.time,
                kind=line.kind,
                run=line.ctx.hex()[:SHOWN],
                trip=line.trip,
                said=_said(line),
                body_sha256=line.body_digest.hex(),
                digest=line.digest.hex(),
            )


def written(found: Iterable[Record], form: AuditFormat, site: SiteId, head: str) -> str:
    """Write records in a format; `head` is the digest of the ledger's last line in hex."""
    match form:
        case AuditFormat.JSONL:
            return "".join(json.dumps(vars(one), ensure_ascii=False) + "\n" for one in found)
        case AuditFormat.CSV:
            return _csv(found)
        case AuditFormat.HTML:
            return _html(found, site, head)


def _csv(found: Iterable[Record]) -> str:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(FIELDS)
    writer.writerows([_inert(cell) for cell in one.cells] for one in found)
    return text.getvalue()


def _inert(cell: str | int) -> str | int:
    # A spreadsheet takes such text for a formula; a comment is somebody's own words.
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@") else cell


_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Ledger of {site}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #1b1f24; margin: 2rem; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #e3e7eb;
vertical-align: top; }}
code {{ font-size: .8rem; overflow-wrap: anywhere; }}
</style>
<h1>Ledger of {site}</h1>
<p>Last line: <code>{head}</code></p>
<table><thead><tr>{header}</tr></thead><tbody>
{rows}
</tbody></table>
</html>
"""


def _html(found: Iterable[Record], site: SiteId, head: str) -> str:
    header = "".join(f'<th scope="col">{escape(name.replace("_", " "))}</th>' for name in FIELDS)
    rows = "\n".join(f"<tr>{''.join(map(_cell, FIELDS, one.cells))}</tr>" for one in found)
    return _PAGE.format(site=escape(site), head=escape(head), header=header, rows=rows)


def _cell(name: str, value: str | int) -> str:
    text = escape(str(value))
    return (
        f"<td><code>{text}</code></td>" if name in ("body_sha256", "digest") else f"<td>{text}</td>"
    )


def _said(line: Line) -> str:
    if line.body is None:
        return "forgotten with its study; the digest stays"
    in_words = _IN_WORDS.get(line.kind)
    return in_words(line, line.body) if in_words else f"kept for this hospital's rules: {line.kind}"


def _opened(line: Line, _: bytes) -> str:
    run = read_opening(line).run
    roster = run.roster
    return (
        f"a run of {roster.study} began: plan {handle(run.plan_digest)}, roster version "
        f"{roster.version} of {len(roster.sites)} hospitals"
    )


def _release(line: Line, _: bytes) -> str:
    reply = read_answer(line).reply
    numbers = sum(len(vector.words) for vector in reply.vectors) // 8
    kinds = ", ".join(dict.fromkeys(kind for _, kind in read_answer(line).trip.steps))
    return f"{numbers:,} masked words left this hospital: {kinds}"


def _refused(_: Line, body: bytes) -> str:
    return f"refused: {json.loads(body)['reason']}"


def _evidence(_: Line, body: bytes) -> str:
    code, *kept = parts_of(body)
    return f"evidence kept: {code.decode()}, {len(kept)} parts"


def _closed(line: Line, body: bytes) -> str:
    return f"the run is {read_done(line).state}: {parts_of(body)[1].decode()}; its keys are gone"


def _proposed(_: Line, body: bytes) -> str:
    proposal = Proposal.from_bytes(body)
    roster = proposal.roster_digest.hex()
    return f"plan {handle(proposal.plan_digest)} was proposed, under roster {roster}"


def _decided(_: Line, body: bytes) -> str:
    one = Decision.from_bytes(body)
    told, about = one.conditions.in_words(), one.subject
    terms = f" with conditions: {told}" if told else ""
    comment = f"; comment: {one.comment}" if one.comment else ""
    return (
        f"{one.operator}: {one.verdict} plan {handle(about.plan)}{terms}, roster "
        f"{about.roster.hex()}, software {about.software.hex()}{comment}"
    )


def _succeeded(_: Line, body: bytes) -> str:
    roster = Roster.from_bytes(read_roster_file(parts_of(body)[-1]).payload)
    about = f"version {roster.version} of the roster of {roster.study}"
    return f"{about} gave the coordinator the key {party_words(roster.coordinator)}"


def _note(_: Line, body: bytes) -> str:
    first, *rest = parts_of(body)
    # A key is bytes; a name or a study is text.
    told = [part.hex() if len(part) == 32 else part.decode("utf-8", "replace") for part in rest]
    return " ".join([first.decode("utf-8", "replace"), *told])


_IN_WORDS: Mapping[Kind, Callable[[Line, bytes], str]] = {
    Kind.OPENED: _opened,
    Kind.KEYED: lambda *_: "the fresh keys of all hospitals came",
    Kind.RELEASE: _release,
    Kind.RESULT: lambda *_: "a sum over all hospitals came back, and was added up again here",
    Kind.COIN: lambda *_: "the hospitals' shares of the public coin came",
    Kind.REFUSED: _refused,
    Kind.EVIDENCE: _evidence,
    Kind.CLOSED: _closed,
    Kind.NOTE: _note,
    Kind.HEADS: lambda *_: "newer heads of other hospitals' ledgers came at a login",
    Kind.PROPOSED: _proposed,
    Kind.DECIDED: _decided,
    Kind.SUCCEEDED: _succeeded,
}


def as_json(found: Iterable[Record]) -> list[dict[str, Any]]:
    """Make records for scripts."""
    return [dict(vars(one)) for one in found]
