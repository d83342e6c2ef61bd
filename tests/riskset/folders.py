"""Folders of small extracts, as hospitals would send them to a simulation."""

from collections.abc import Sequence
from pathlib import Path

SMALL = Path(__file__).parent / "small.toml"
HEADER = "patient_id,age,arm,days,dead\n"


def extract(hospital: int, patients: int = 12) -> str:
    """Write an extract whose patients differ by hospital."""
    rows = [
        f"P{k},{30 + k},{('old', 'new')[k % 2]},{(37 * k + 11 * hospital) % 390 + 1},{k % 3 % 2}\n"
        for k in range(patients)
    ]
    return HEADER + "".join(rows)


def write_extracts(folder: Path, names: Sequence[str] = ("A", "B", "C")) -> Path:
    """Write one extract a hospital; give the folder."""
    folder.mkdir()
    for number, name in enumerate(names):
        (folder / f"{name}.csv").write_text(extract(number), encoding="utf-8")
    return folder
