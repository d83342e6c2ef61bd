"""Makes `docs/reviewer/data-flow.md`: `python -m tests.reviewer [--check]`.

The page follows from the schema of the messages and from the layouts of the example study's steps,
so it cannot say less than what is sent. Who may read a message and where it is kept is said here,
and a message without such a word stops the making.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from protocol.forecast import forecast
from protocol.plan.read import read_plan
from protocol.results.fold import leaving
from riskset.plans import read_builtin

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reviewer" / "data-flow.md"
PROTO = ROOT / "protocol" / "wire" / "federation.proto"
SEED = 1

OPEN = "anybody on the way, were TLS broken; says nothing of patients"
MASKED = "nobody alone: opens only in the sum over all hospitals"
TOTAL = "coordinator; hospitals too, but for totals that the profile withholds"


@dataclass(frozen=True)
class Flow:
    """Which way a message goes, who can learn from it, where it is kept."""

    way: str
    read_by: str
    kept: str


def _both(way: str, kept: str = "not kept") -> Flow:
    return Flow(way, OPEN, kept)


UP, DOWN = "hospital to coordinator", "coordinator to hospital"

FLOWS: dict[str, Flow] = {
    "Knock": _both(UP, "join request in the journal"),
    "CentreCard": _both(DOWN, "federation.json at the hospital"),
    "JoinProof": _both(UP),
    "JoinReceipt": _both(DOWN),
    "Hello": _both(UP, "software version in the journal"),
    "Challenge": _both(DOWN),
    "LoginProof": _both(UP),
    "Welcome": _both(DOWN),
    "LedgerHead": _both("both", "journal, ledgers"),
    "Heads": _both(UP),
    "Denied": _both(DOWN, "the hospital's log"),
    "Notice": _both(DOWN, "the hospital's log"),
    "Leaving": _both(UP),
    "Ping": _both(DOWN),
    "Pong": _both(UP),
    "Chunk": Flow("both", "as the message that it is a part of", "as that message"),
    "SignedRoster": _both(DOWN, "journal, ledgers"),
    "Signature": _both(DOWN, "journal, ledgers"),
    "Consent": _both(DOWN, "journal, ledgers"),
    "OpenRun": _both(DOWN, "journal, ledgers"),
    "KeyShare": _both("both", "journal, ledgers"),
    "Advance": Flow(DOWN, TOTAL, "result and sums in the ledger"),
    "Finish": Flow(DOWN, TOTAL, "result and sums in the ledger"),
    "Abort": _both(DOWN, "ledgers"),
    "ClosedTrip": Flow(DOWN, TOTAL, "journal; result and sums in the ledger"),
    "Trip": _both(DOWN, "journal, ledgers"),
    "AskedStep": _both(DOWN, "journal, ledgers"),
    "MaskedVector": Flow("both", MASKED, "journal, the hospital's own ledger, bundle"),
    "Statement": _both("both", "journal, ledgers, bundle"),
    "Answer": Flow(UP, MASKED, "journal, the hospital's own ledger"),
    "Envelope": Flow(UP, "coordinator alone: an answer where totals are withheld", "journal"),
    "Upload": _both(DOWN, "journal, ledgers, bundle"),
    "StepResult": _both(DOWN, "journal, ledgers, bundle"),
    "Result": _both(DOWN, "journal, ledgers, bundle"),
    "Done": _both(UP, "journal, ledger"),
    "Propose": _both(DOWN, "journal, ledger"),
    "Decided": _both(UP, "journal, ledger, bundle"),
    "Refusal": Flow(UP, "coordinator; the reason stays at the hospital", "journal, ledger"),
}


@dataclass(frozen=True)
class Message:
    """A message of the schema: what its comment says, its fields with their types."""

    name: str
    told: str
    fields: tuple[tuple[str, str], ...]


def messages() -> Iterator[Message]:
    """Read the schema's messages; wrappers that only choose between others are left out."""
    text = PROTO.read_text(encoding="utf-8")
    for found in re.finditer(r"((?:^//[^\n]*\n)*)^message (\w+) \{\n(.*?)^\}", text, re.M | re.S):
        comment, name, body = found.groups()
        if "oneof" in body:
            continue
        told = " ".join(line.removeprefix("//").strip() for line in comment.splitlines())
        if told.startswith("----"):
            told = ""
        lines = re.findall(r"^\s*(repeated )?(\w+) (\w+) = \d+;", body, re.M)
        fields = tuple(
            (field, f"{'list of ' if many else ''}{kind}") for many, kind, field in lines
        )
        yield Message(name, told, fields)


def page() -> str:
    """Write the page."""
    return "\n".join([_HEAD, *_messages(), _STEPS, *_steps(), ""])


def _messages() -> Iterator[str]:
    yield "| message | way | what it is | fields | who learns from it | kept where |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for message in messages():
        flow = FLOWS[message.name]
        fields = ", ".join(f"`{name}` {kind}" for name, kind in message.fields) or "none"
        cells = (f"`{message.name}`", flow.way, message.told, fields, flow.read_by, flow.kept)
        yield f"| {' | '.join(cells)} |"


def _steps() -> Iterator[str]:
    plan = read_plan(read_builtin("crlm"), "crlm")
    played = forecast(plan, np.random.default_rng(SEED))
    yield "| step | what is in it | numbers | bytes | size |"
    yield "| --- | --- | ---: | ---: | --- |"
    seen = set()
    for release in map(leaving, played.asked):
        if (release.step, release.what) not in seen:
            seen.add((release.step, release.what))
            size = "about" if release.about else "exactly"
            numbers = f"{release.numbers:,} | {release.bytes:,} | {size}"
            yield f"| `{release.step}` | {release.what} | {numbers} |"


_HEAD = """# What flows between a hospital and the coordinating centre

Made from `protocol/wire/federation.proto` and from the layouts of the steps by
`python -m tests.reviewer`; CI makes it again and compares. The hospital dials out to one name and
one port; nobody dials in. All of it is inside TLS 1.3 under the federation's own authority, and
every message of a run is signed besides.

```mermaid
flowchart LR
  rows[(patients' rows)] --> node[the hospital's node]
  node -- masked vectors, signatures --> centre[coordinating centre]
  centre -- requests, results, all masked vectors --> node
  node --> ledger[(ledger, keys: in the hospital)]
  centre --> journal[(journal, results, bundle)]
  others[other hospitals' nodes] <-- the same --> centre
```

## Messages
"""

_STEPS = """
## What stands in the masked vectors

The steps of the example study, as they leave each hospital; a plan of its own is shown by
`riskset plan explain PLAN`, and on a hospital's own rows by `riskset-site preview PLAN`. In front
of every vector but the lock's stand four check numbers: 1, a mark of the question, the patients
behind it, and whether a rule of the hospital's own fired.
"""


def main() -> int:
    """Write the page, or with --check compare it with what is committed."""
    if sys.argv[1:] != ["--check"]:
        PAGE.write_text(page(), encoding="utf-8", newline="\n")
        return 0
    if PAGE.read_text(encoding="utf-8") != page():
        sys.stderr.write("docs/reviewer/data-flow.md is not what is sent: make reviewer\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
