"""What cases give, read into the values of `protocol`."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from protocol.governance.roster import Roster
from protocol.governance.signed import Consent
from protocol.ids import SiteId
from protocol.layout import Field, Layout
from protocol.secagg import transcript
from protocol.secagg.block import Total
from protocol.secagg.encoding import Words
from protocol.secagg.messages import Block, Run

Given = Mapping[str, Any]


def raw(text: str) -> bytes:
    return bytes.fromhex(text)


def number(value: Any) -> Any:
    return float.fromhex(value) if isinstance(value, str) else value


def field_of(given: Given) -> Field:
    kind: Literal["count", "real"] = given["kind"]
    cells = len(given["values"]) if "values" in given else given["cells"]
    return Field(given.get("name", "x"), (cells,), "", kind, number(given["bound"]))


def cells_of(kind: str, values: Sequence[Any]) -> Any:
    cells = [number(value) for value in values]
    if kind == "real":
        return np.array(cells, dtype=np.float64)
    if any(isinstance(cell, float) for cell in cells):
        return np.array(cells, dtype=np.float64)
    return np.array(cells, dtype=np.uint64 if any(c >= 2**63 for c in cells) else np.int64)


def block_of(given: Given) -> Block:
    layout = Layout(tuple(field_of(field) for field in given["fields"]))
    return Block(given["step"], given["kind"], layout, raw(given["params"]), given["lock"])


def run_of(given: Given) -> Run:
    roster = Roster.from_bytes(given["roster"].encode())
    run_id, plan_digest = raw(given["run_id"]), raw(given["plan_digest"])
    return Run(run_id, plan_digest, roster, given["epoch"], given["scheme"], given["suite"])


def words_of(integers: Sequence[int], width: int) -> Words:
    data = b"".join((word % 2**width).to_bytes(width // 8, "little") for word in integers)
    return np.frombuffer(data, dtype=np.uint64)


def consents_of(given: Given) -> tuple[Consent, ...]:
    return tuple(Consent(SiteId(c["site"]), raw(c["signature"])) for c in given["consents"])


def sd_of(given: Given) -> bytes:
    return transcript.step_digest(
        raw(given["transcript"]),
        step=given["step"],
        kind=given["kind"],
        width=given["width"],
        length=given["length"],
        params=raw(given["params"]),
    )


def shown(total: Total, block: Block) -> dict[str, Any]:
    """Write an opened total as the vectors do: counts as they are, reals in hexadecimal."""
    sums = {
        field.name: [
            cell if field.kind == "count" else cell.hex()
            for cell in total.sums[field.name].ravel().tolist()
        ]
        for field in block.layout.fields
    }
    return {"sums": sums, "patients": total.patients, "flags": total.flags}
