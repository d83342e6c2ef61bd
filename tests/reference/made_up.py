"""Cases made up for the tests: what real files may hold and the committed cases do not."""

import csv
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

Record = dict[str, Any]
Records = list[Record]
Words = dict[str, Any]

COVARIATES: list[Words] = [
    {"name": "age.years", "type": "numeric"},
    {"name": "marker", "type": "numeric"},
    {"name": "female", "type": "binary"},
    {"name": "grade", "type": "factor", "levels": ["1", "2", "3"]},
]

DICTIONARY: Words = {
    "treatment": {"column": "group", "treated": "new", "control": ["old", "none"]},
    "time_unit": "day",
    "endpoints": {"os": {"time": "days", "status": "ended", "event": "dead"}},
    "binary_outcomes": ["bleeding"],
    "ps_covariates": COVARIATES,
    "exact_match": ["female", "grade"],
    "landmarks_days": [100, 300],
    "tau_days": 300,
    "id_column": "id",
    "site_column": "site",
    "missing": "empty field",
}  # fmt: skip


CAUSES: Words = {
    "time": "days", "status": "how", "censor": 0, "causes": {"tumour grew": 1, "heart": 2},
}  # fmt: skip


def dictionary(**changes: Any) -> Words:
    """Write a dictionary with some keys changed; None removes a key."""
    return {k: v for k, v in (DICTIONARY | changes).items() if v is not None}


def records(seed: int = 1, sizes: Iterable[int] = (40, 30, 20)) -> Records:
    """Draw patients in three groups of treatment, whose age and grade are not alike."""
    draw = np.random.default_rng(seed)
    return [
        _patient(draw, f"{site}-{row:03d}", site)
        for site, size in zip(("north", "South 2", "west"), sizes, strict=True)
        for row in range(size)
    ]


def _patient(draw: np.random.Generator, name: str, site: str) -> Record:
    age, grade = int(draw.integers(40, 80)), int(draw.integers(1, 4))
    odds = np.exp((60 - age) / 15 + (grade - 2) / 2)
    group = "new" if draw.random() < odds / (1 + odds) else draw.choice(["old", "none"])
    days = 1 + int(draw.exponential(250 if group == "new" else 180))
    dead = draw.random() < 0.7
    return {
        "id": name,
        "site": site,
        "group": group,
        "age.years": age,
        "marker": round(float(draw.lognormal(0, 1)), 4),
        "female": int(draw.random() < 0.5),
        "grade": grade,
        "days": days,
        "ended": "dead" if dead else "alive",
        "how": int(draw.integers(1, 3)) if dead else 0,
        "bleeding": int(draw.random() < 0.3),
    }


def months(rows: Records) -> Records:
    return [row | {"days": round(row["days"] / 30.4375, 2)} for row in rows]


def endless(rows: Records) -> Records:
    return [row | {"days": row["days"] / 30.4375} for row in rows]


def with_holes(rows: Records) -> Records:
    """Empty a field in eleven here and there, and one treatment."""
    draw = np.random.default_rng(5)
    names = [n for n in rows[0] if n not in ("id", "site", "group")]
    holed = [
        row
        | {n: None for n, hole in zip(names, draw.random(len(names)) < 0.09, strict=True) if hole}
        for row in rows
    ]
    holed[7]["group"] = None
    return holed


def one_arm_in_the_west(rows: Records) -> Records:
    return [row | ({"group": "new"} if row["site"] == "west" else {}) for row in rows]


def nobody_dies_of_the_new(rows: Records) -> Records:
    alive = {"ended": "alive", "how": 0}
    return [row | (alive if row["group"] == "new" else {}) for row in rows]


def marked(by: Callable[[Record], float]) -> Records:
    return [row | {"marker": by(row)} for row in records()]


def numbered(rows: Records) -> Records:
    """Give ids with gaps, out of order."""
    return [row | {"id": 1000 - 3 * k} for k, row in enumerate(rows)]


def write(folder: Path, rows: Records, words: Words | None = None) -> Path:
    """Write a case as the committed ones lie on disk; None is an empty field."""
    (folder / "sites").mkdir(parents=True)
    text = json.dumps(dictionary() if words is None else words)
    (folder / "dictionary.json").write_text(text, encoding="utf-8")
    for site in dict.fromkeys(row["site"] for row in rows):
        with (folder / "sites" / f"{site}.csv").open("w", newline="", encoding="utf-8") as lines:
            file = csv.DictWriter(lines, list(rows[0]))
            file.writeheader()
            file.writerows(row for row in rows if row["site"] == site)
    return folder


def select(folder: Path, weights: Mapping[str, Mapping[str, float]]) -> Path:
    """Add given selections to a case."""
    results = [
        {"id": f"match.{name}.weights", "value": {"id": list(w), "weight": list(w.values())}}
        for name, w in weights.items()
    ]
    (folder / "expected").mkdir()
    text = json.dumps({"schema": "oracle-expected/1", "results": results})
    (folder / "expected" / "match.json").write_text(text, encoding="utf-8")
    return folder
