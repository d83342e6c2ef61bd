"""The publication's files: nothing in them depends on what they hide, drawings included."""

import base64
import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from coordinator.report.edition import EditionFileError, read_cells, write_edition
from coordinator.report.tidy import TABLES
from protocol.results.model import Results
from protocol.results.publication import Floors
from protocol.results.publication.tree import rounded
from protocol.results.values.estimates import Pair
from protocol.results.values.survival import CurvePoints, SurvivalResult
from tests.coordinator.examples import binary, both, results, survival
from tests.protocol.results.publication.studies import curve, with_levels

FILES = {"report.html", "publication.json", *TABLES}


def written(found: Results, folder: Path) -> dict[str, bytes]:
    write_edition(found, folder)
    assert {path.name for path in folder.iterdir()} == FILES
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def shaken(found: SurvivalResult) -> SurvivalResult:
    """Change every estimate of an endpoint, and keep its counts and curves."""
    other = rounded(found, 1)
    ratios = tuple(replace(hr, hazard_ratio=7.77, log_hr=2.05) for hr in found.hazard_ratios)
    return replace(other, curves=found.curves, hazard_ratios=ratios, patients=found.patients)


def large() -> SurvivalResult:
    arms = [curve([(1, 0)] * 30 + [(0, 1)] * 30), curve([(1, 1)] * 25)]
    return replace(
        survival(), patients=Pair(60, 50), events=Pair(30, 25), curves=Pair(arms[0], arms[1])
    )


def test_files_do_not_depend_on_hidden_outcomes(tmp_path: Path) -> None:
    """A hidden count, and every estimate, curve and test that rests on it, may be any other."""
    one = replace(both(), survival=(large(), survival("all")))
    hidden = replace(survival("all"), events=Pair(2, 4), curves=Pair(*reversed(sides())))
    other = replace(one, survival=(large(), shaken(hidden)))
    other = replace(other, binary=(replace(binary(), events=Pair(3, 2), risk=Pair(0.3, 0.25)),))
    one = replace(one, binary=(binary(),))
    assert written(one, tmp_path / "one") == written(other, tmp_path / "other")


def sides() -> tuple[CurvePoints, CurvePoints]:
    found = survival().curves
    return found.comparator, found.treated


def test_files_do_not_depend_on_single_times_within_a_step(tmp_path: Path) -> None:
    """When each of the five patients of a step had the event is nowhere, nor in any path."""
    found = large()
    whole = found.curves.comparator
    moved = [t + (3.0 if k % 5 != 4 else 0.0) for k, t in enumerate(whole.times)]
    shares = [s if k % 5 == 4 else s - 0.001 for k, s in enumerate(whole.survival)]
    other = replace(whole, times=tuple(moved), survival=tuple(shares))
    later = replace(found, curves=replace(found.curves, comparator=other))
    one, two = (replace(results(), survival=(x,)) for x in (found, later))
    assert written(one, tmp_path / "one") == written(two, tmp_path / "two")


def test_hidden_numbers_are_in_no_file(tmp_path: Path) -> None:
    found = replace(survival(), hazard_ratios=(replace(survival().hazard_ratios[0]),))
    odd = replace(found.hazard_ratios[0], hazard_ratio=0.73931, conf_low=0.41717, conf_high=0.98383)
    files = written(replace(results(), survival=(replace(found, hazard_ratios=(odd,)),)), tmp_path)
    page = files["report.html"].decode()
    drawn = [base64.b64decode(x).decode() for x in re.findall(r"svg\+xml;base64,([^\"]+)", page)]
    assert len(drawn) > 3
    told = [page, *drawn, *(body.decode() for n, body in files.items() if n != "report.html")]
    for text in told:
        for number in ("0.739", "0.74 (", "0.41717", "0.98383"):
            assert number not in text
    assert "fewer than 5" in page


def test_the_page_says_what_was_done(tmp_path: Path) -> None:
    edition = write_edition(both(), tmp_path, notice="The patients are synthetic.")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "The patients are synthetic. Publication edition:" in page
    assert "Edition: for publication, made from the reduced results alone." in page
    assert "for the members of the consortium" not in page
    assert "at full precision" not in page
    for sentence in edition.statement:
        assert sentence in page.replace("&#39;", "'")
    for word in ("nan", "Withheld", "infinite"):
        assert not re.search(rf"\b{word}\b", re.sub(r'src="[^"]*"', "", page))


def test_tables_hold_words_where_numbers_were(tmp_path: Path) -> None:
    write_edition(results(), tmp_path)
    with (tmp_path / "estimates.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["term"] == "hazard ratio"]
    assert rows
    assert {row["estimate"] for row in rows} == {"not shown"}
    assert {row["events"] for row in rows} == {"not shown"}
    data = json.loads((tmp_path / "publication.json").read_text(encoding="utf-8"))
    assert data["schema"] == "riskset-publication/1"
    assert data["results"]["survival"][0]["events"]["treated"] == "fewer than 5"


def test_subgroups_do_not_give_each_other_away(tmp_path: Path) -> None:
    levels = with_levels(large(), (3, 10))
    edition = write_edition(replace(results(), survival=(large(), *levels)), tmp_path)
    told = [str(found.events.comparator) for found in edition.results.survival]
    assert told == ["30", "fewer than 5", "not shown"]


def test_earlier_editions_are_read_back(tmp_path: Path) -> None:
    one = replace(results(), survival=(large(),))
    edition = write_edition(one, tmp_path / "one")
    path = tmp_path / "one" / "publication.json"
    assert read_cells(path, "small") == edition.shown
    later = replace(large(), events=Pair(28, 25))
    again = write_edition(
        replace(one, survival=(later,)), tmp_path / "two", own=Floors(5, 5), earlier=path
    )
    assert str(again.results.survival[0].events.comparator) == "not shown"
    with pytest.raises(EditionFileError, match="another study"):
        read_cells(path, "other")
    for body in ("", "[]", '{"schema": "x"}', '{"schema": "riskset-publication/1"}'):
        path.write_text(body, encoding="utf-8")
        with pytest.raises(EditionFileError):
            read_cells(path, "small")
