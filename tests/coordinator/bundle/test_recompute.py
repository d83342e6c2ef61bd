"""Every number of a bundle follows from its sums, and a number that does not is named."""

import json
from pathlib import Path

import pytest

from coordinator.bundle import names
from coordinator.bundle.approvals import approval_files
from coordinator.bundle.reader import open_bundle
from coordinator.bundle.write import Beside
from coordinator.compare import compare
from coordinator.publish import write_run
from coordinator.recompute import Recomputed, leaves, recompute, same
from coordinator.results import results_text
from protocol.errors import FederationError
from protocol.governance.approval import Conditions
from protocol.results import results
from protocol.run import Played
from tests.coordinator.bundle.made import (
    Members,
    answer,
    decision,
    flipped,
    listed,
    members_of,
    opened,
)


@pytest.fixture(scope="module")
def whole(played: Played, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a run, its report drawn."""
    folder = tmp_path_factory.mktemp("whole")
    write_run(played, folder)
    return folder


def recomputed(path: Path, members: Members) -> Recomputed:
    with opened(path / "x.zip", listed(members)) as bundle:
        return recompute(bundle)


def test_all_numbers_follow_from_the_sums(whole: Path, played: Played, tmp_path: Path) -> None:
    with open_bundle(whole / names.BUNDLE) as bundle:
        found = recompute(bundle)
    assert found.holds
    equal, total = found.numbers
    assert equal == total > 400
    assert found.files["results.json"] == results_text(results(played))
    of = {one.member: one for one in found.compared}
    assert (of[names.REPORT].equal, of[names.REPORT].total) == (3, 3)
    assert of[f"{names.READER}: {names.PUBLICATION}"].holds
    assert not found.unchecked
    found.write(tmp_path / "out")
    for path in (tmp_path / "out").iterdir():
        assert path.read_bytes() == (whole / path.name).read_bytes()


def test_a_changed_number_is_named(whole: Path, tmp_path: Path) -> None:
    members = members_of(whole / names.BUNDLE)
    data = json.loads(members[names.RESULTS])
    data["survival"][0]["hazard_ratios"][0]["hazard_ratio"] *= 1.001
    found = recomputed(tmp_path, {**members, names.RESULTS: json.dumps(data).encode()})
    assert not found.holds
    first = found.compared[0]
    assert first.equal == first.total - 1
    assert first.odd[0].startswith("survival[0].hazard_ratios[0].hazard_ratio: ")
    assert [one.member for one in found.compared if not one.holds] == [names.RESULTS]


def test_a_changed_cell_word_or_figure_is_named(whole: Path, tmp_path: Path) -> None:
    members = members_of(whole / names.BUNDLE)
    table = "results/flow.csv"
    changed = {**members, table: members[table].replace(b"36", b"37", 1)}
    report = members[names.REPORT].replace(b'<img src="data:', b'<img src="data:x', 1)
    changed[names.REPORT] = report.replace(b"</h1>", b" indeed</h1>", 1)
    found = {one.member: one for one in recomputed(tmp_path, changed).compared}
    assert found[table].odd == ("row 2, column 4: 37.0 in the bundle, 36.0 from its sums",)
    assert found[names.REPORT].odd == ("figure 1", "the text")


def test_a_report_of_other_software_is_not_compared(whole: Path, tmp_path: Path) -> None:
    members = members_of(whole / names.BUNDLE)
    software = json.loads(members[names.SOFTWARE])
    software["libraries"]["matplotlib"] = "0.1"
    other = {**members, names.REPORT: b"drawn otherwise"}
    other[names.SOFTWARE] = json.dumps(software, sort_keys=True, separators=(",", ":")).encode()
    found = recomputed(tmp_path, other)
    assert found.holds
    of = {one.member: one for one in found.compared}
    assert "not compared" in of[names.REPORT].sentence()


def test_a_changed_total_leads_elsewhere_or_nowhere(whole: Path, tmp_path: Path) -> None:
    members = members_of(whole / names.BUNDLE)
    name = names.total(3)  # the description: one of its sums
    body = members[name]
    other = {**members, name: flipped(body, len(body) // 16 * 8)}
    assert not recomputed(tmp_path, other).holds
    with pytest.raises(FederationError, match="step 3: "):
        recomputed(tmp_path, {**members, name: flipped(body, 0)})


def test_leaves_and_equality() -> None:
    assert dict(leaves({"a": [1, {"b": None}], "c": "x"})) == {
        "a[]": 2,
        "a[0]": 1,
        "a[1].b": None,
        "c": "x",
    }
    assert same(1.0, 1.0) == (True, True)
    assert same(1.0, 1.0 + 1e-12) == (True, False)
    assert same(1.0, 1.0 + 1e-6) == (False, False)
    assert same(True, 1) == (False, False)
    assert same(None, 0.0) == (False, False)
    assert same("5", 5) == (False, False)


def test_two_bundles_side_by_side(whole: Path, tmp_path: Path) -> None:
    members = members_of(whole / names.BUNDLE)
    table = "results/estimates.csv"
    rows = members[table].decode().splitlines()
    place = next(n for n, row in enumerate(rows) if ",hazard ratio,efron," in row)
    cells = rows[place].split(",")
    cells[8:12] = ["50.0", "0.1", "40.0", "60.0"]
    rows[place] = ",".join(cells)
    other = {**members, table: ("\n".join(rows) + "\n").encode()}
    with (
        open_bundle(whole / names.BUNDLE) as one,
        opened(tmp_path / "x.zip", listed(other)) as two,
    ):
        alone, found = compare(one, one), compare(one, two)
    assert alone.identical == len(alone.sides) > 10
    assert alone.overlap.holds == alone.overlap.of
    assert found.same_plan
    assert found.identical == len(found.sides) - 1
    assert found.overlap.holds == found.overlap.of - 1
    assert found.within.holds == alone.within.holds - 1


def test_a_condition_of_an_approval_is_told_and_names_nobody(
    played: Played, tmp_path: Path
) -> None:
    """It is in the report and the numbers' file of both forms, and recompute finds it again."""
    first = played.sites[0]
    said = answer(decision(played, terms=Conditions(site_patients=11)))
    write_run(played, tmp_path, Beside(approvals=approval_files([said])))
    with open_bundle(tmp_path / names.BUNDLE) as bundle:
        assert recompute(bundle).holds
    data = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    rows = {one["rule"]: (one["value"], one["by"]) for one in data["thresholds"]}
    assert rows["site_patients"] == ("11", "hospital")
    assert rows["published_floor"] == ("5", "profile")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    outside = members_of(tmp_path / names.READER)[names.REPORT].decode()
    for text in (page, outside):
        (row,) = [
            one for one in text.split("<tr") if "Patients of a hospital that takes part" in one
        ]
        assert "a hospital&#39;s condition" in row
        assert first not in row
