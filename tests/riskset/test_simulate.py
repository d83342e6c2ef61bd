"""From a folder of extracts to results, with everything wrong told at once."""

import os
from pathlib import Path

import pytest

from coordinator.results import results_text
from protocol.errors import ProblemsError
from protocol.plan.digest import plan_digest
from protocol.plan.model import Plan
from protocol.plan.read import read_plan
from protocol.run import Asked
from riskset.simulate import (
    NoExtractsError,
    find_extracts,
    read_hospitals,
    simulate,
    with_profile_open,
)
from tests.riskset.folders import HEADER, SMALL, extract, write_extracts


@pytest.fixture(scope="module")
def plan() -> Plan:
    return read_plan(SMALL.read_text(encoding="utf-8"), str(SMALL))


def problems_of(error: ProblemsError) -> list[str]:
    return [str(problem) for problem in error.problems]


def test_files_are_hospitals_in_the_order_of_their_ids(tmp_path: Path) -> None:
    folder = write_extracts(tmp_path / "sites", ("s10", "s9", "Lyon"))
    (folder / "README.md").write_text("what this is", encoding="utf-8")
    (folder / ".hidden.csv").write_text("an editor's copy", encoding="utf-8")
    assert list(find_extracts(folder)) == ["Lyon", "s10", "s9"]


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(NoExtractsError, match="is no folder"):
        find_extracts(tmp_path / "none")
    with pytest.raises(NoExtractsError, match="holds no CSV file"):
        find_extracts(tmp_path)


def test_all_odd_names_and_copies_are_told_at_once(tmp_path: Path) -> None:
    folder = write_extracts(tmp_path / "sites", ("A", "B"))
    (folder / "Saint Denis.csv").write_text(extract(7), encoding="utf-8")
    (folder / "C.csv").write_text(extract(0), encoding="utf-8")
    (folder / "b.CSV").write_text(extract(9), encoding="utf-8")
    with pytest.raises(ProblemsError) as caught:
        find_extracts(folder)
    assert problems_of(caught.value) == [
        "Saint Denis.csv: the name is no hospital id: 1 to 64 letters, digits, '.', '-' or '_'",
        "b.CSV: is for the same hospital as B.csv",
        "C.csv: holds the same as A.csv",
    ]


def test_problems_of_all_hospitals_are_told_at_once(plan: Plan, tmp_path: Path) -> None:
    folder = write_extracts(tmp_path / "sites")
    (folder / "A.csv").write_text(HEADER + "P1,fifty,old,3,0\n", encoding="utf-8")
    (folder / "C.csv").write_text("patient_id,age\nP1,50\n", encoding="utf-8")
    with pytest.raises(ProblemsError) as caught:
        read_hospitals(plan, folder)
    told = problems_of(caught.value)
    assert any(text.startswith("A.csv: age: not a number in 1 row") for text in told)
    assert any(text.startswith("C.csv: ") for text in told)
    assert not any("B.csv" in text or "fifty" in text for text in told)


def test_a_hospital_may_have_its_own_names(plan: Plan, tmp_path: Path) -> None:
    folder = write_extracts(tmp_path / "sites")
    text = extract(1).replace("patient_id,age", "Fall,Alter")
    (folder / "B.csv").write_text(text, encoding="utf-8")
    mappings = tmp_path / "mappings"
    mappings.mkdir()
    (mappings / "B.toml").write_text('id = "Fall"\n[columns]\nage = "Alter"\n', encoding="utf-8")
    assert read_hospitals(plan, folder, mappings).rows == 36
    (mappings / "D.toml").write_text("", encoding="utf-8")
    (mappings / "A.toml").write_text("[columns]\nsize = 'x'\n", encoding="utf-8")
    with pytest.raises(ProblemsError) as caught:
        read_hospitals(plan, folder, mappings)
    told = problems_of(caught.value)
    assert told[0] == "D.toml: is a mapping of no hospital here"
    assert told[1].startswith("A.toml: ")
    with pytest.raises(NoExtractsError, match="is no folder"):
        read_hospitals(plan, folder, tmp_path / "none")


def test_a_seed_repeats_a_run(plan: Plan, tmp_path: Path) -> None:
    hospitals = read_hospitals(plan, write_extracts(tmp_path / "sites"))
    trips: list[tuple[Asked, ...]] = []
    first = simulate(plan, hospitals, b"00", trips.append)
    again = simulate(plan, hospitals, b"00", lambda _: None)
    other = simulate(plan, hospitals, b"01", lambda _: None)
    assert results_text(first) == results_text(again)
    assert other.study.run_id != first.study.run_id
    assert other.flow == first.flow
    assert [trip[0].trip for trip in trips] == list(range(1, len(trips) + 1))
    assert first.study.simulated
    assert first.flow.patients.treated == first.flow.patients.comparator == 18


def test_without_a_seed_secrets_are_fresh(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []

    def urandom(size: int) -> bytes:
        drawn.append(size)
        return bytes([len(drawn)]) * size

    hospitals = read_hospitals(plan, write_extracts(tmp_path / "sites"))
    monkeypatch.setattr(os, "urandom", urandom)
    simulate(plan, hospitals, None, lambda _: None)
    assert drawn == [32, 32, 32, 32]  # one a hospital, and one for the run


def test_one_hospital_under_profile_open(plan: Plan, tmp_path: Path) -> None:
    hospitals = read_hospitals(plan, write_extracts(tmp_path / "sites", ("A",)))
    opened = with_profile_open(plan)
    assert plan_digest(opened) != plan_digest(plan)
    assert simulate(opened, hospitals, b"0", lambda _: None).study.profile == "open"
