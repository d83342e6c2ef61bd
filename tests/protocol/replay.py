"""Replay a recorded study from its totals: run by any Python that can import `protocol`.

Reads a record from standard input and writes the questions that its totals lead to, with every
decided number to the last bit. `record` makes the record; it is not needed where one is replayed.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Record = Mapping[str, Any]


def record(plan: Any, roster_digest: bytes, answers: Sequence[Sequence[Any]]) -> str:
    """Write a study's totals, trip by trip; reals in hexadecimal, so that no bit is lost."""
    from protocol.plan.digest import canonical  # noqa: PLC0415 - found only after `main` says where

    trips = [[_opened(answer.opened) for answer in trip] for trip in answers]
    whole = {"plan": canonical(plan).decode(), "roster": roster_digest.hex(), "trips": trips}
    return json.dumps(whole)


def _opened(opened: Any) -> dict[str, Any]:
    return {
        "sums": {name: _array(total) for name, total in opened.sums.items()},
        "sites": list(opened.sites),
        "patients": opened.patients,
        "flags": opened.flags,
        "said": {site: text.hex() for site, text in opened.statements.items()},
    }


def _array(total: Any) -> dict[str, Any]:
    flat = total.ravel().tolist()
    whole = total.dtype.kind in "iu"
    values = flat if whole else [float(x).hex() for x in flat]
    return {"shape": list(total.shape), "whole": whole, "values": values}


def questions(recorded: str) -> list[list[Any]]:
    """Replay a record: name, key, parameters and decided numbers of every step, in order."""
    from protocol.canonical import digest  # noqa: PLC0415
    from protocol.plan.read import read_canonical  # noqa: PLC0415
    from protocol.program import study  # noqa: PLC0415
    from protocol.question import Answer  # noqa: PLC0415
    from protocol.secagg.transcript import parameters  # noqa: PLC0415

    whole = json.loads(recorded)
    play = study(read_canonical(whole["plan"].encode()), bytes.fromhex(whole["roster"]))
    asked: list[list[Any]] = []
    chain = digest("chain", b"")
    trip = next(play)
    for totals in whole["trips"]:
        for step in trip:
            params = digest("params", parameters(chain, step.key())).hex()
            asked.append([step.name, list(step.key()), params, step.layout().numbers, _bits(step)])
        answers = zip(trip, totals, strict=True)
        chain = digest("chain", chain, json.dumps(totals, sort_keys=True))
        try:
            trip = play.send(tuple(Answer(step, _read(total)) for step, total in answers))
        except StopIteration:
            asked.append(["end"])
    return asked


def _read(total: Record) -> Any:
    from protocol.ids import site_id  # noqa: PLC0415
    from protocol.question import Opened  # noqa: PLC0415

    return Opened(
        {name: _values(array) for name, array in total["sums"].items()},
        tuple(site_id(site) for site in total["sites"]),
        total["patients"],
        total["flags"],
        {site_id(site): bytes.fromhex(text) for site, text in total["said"].items()},
    )


def _values(array: Record) -> Any:
    values = array["values"] if array["whole"] else [float.fromhex(x) for x in array["values"]]
    kind = np.int64 if array["whole"] else np.float64
    return np.array(values, dtype=kind).reshape(array["shape"])


def _bits(step: Any) -> list[str]:
    """Write what was decided in real numbers: coefficients, bins, thresholds."""
    decided = [
        *getattr(step, "b", ()),
        *[getattr(step, n) for n in ("log_hr",) if hasattr(step, n)],
    ]
    strata = getattr(step, "strata", None)
    if strata is not None:
        decided += [strata.bins.width, *strata.b]
    thresholds = [t for d in getattr(step, "draws", {}).values() for t in d.thresholds.values()]
    return [*(float(x).hex() for x in decided), *(str(t) for t in thresholds)]


def main() -> None:
    """Replay the record on standard input; the argument says where `protocol` is."""
    sys.path.insert(0, sys.argv[1])
    json.dump(questions(sys.stdin.read()), sys.stdout)


if __name__ == "__main__":
    main()
