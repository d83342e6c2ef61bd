"""`riskset-site preview` as a person or a script meets it."""

import json
from pathlib import Path

import pytest

from protocol.errors import Exit
from site_node.cli import main

REPOSITORY = Path(__file__).parents[2]
SMALL = REPOSITORY / "tests" / "federation" / "small.toml"
HEADER = "patient_id,age,marker,stage,sex,weight,timing,days,status,fever\n"


def extract(folder: Path, patients: int) -> Path:
    rows = [
        f"p{k},{40 + k},{1 + k % 7},{'I' if k % 3 else 'II'},{k % 2},1,"
        f"{'early' if k % 5 < 2 else 'late'},{k + 1},{'death' if k % 4 == 0 else 'alive'},0\n"
        for k in range(patients)
    ]
    path = folder / "extract.csv"
    path.write_text(HEADER + "".join(rows), encoding="utf-8")
    return path


class Shown:
    """Runs the command in this process, in a folder without settings."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys

    def __call__(self, *arguments: str | Path) -> tuple[int, str, str]:
        words = ["riskset-site", "preview", str(SMALL), *map(str, arguments)]
        self.monkeypatch.setattr("sys.argv", words)
        with pytest.raises(SystemExit) as ended:
            main()
        written = self.capsys.readouterr()
        return int(ended.value.code or 0), written.out, written.err


@pytest.fixture
def shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Shown:
    monkeypatch.chdir(tmp_path)
    return Shown(monkeypatch, capsys)


def test_words_first_and_a_page_for_its_owner(shown: Shown, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    status, out, err = shown("--extract", extract(tmp_path, 40), "--html", page)
    assert status == 0
    assert "What leaves" in out
    assert "Never leaves:" in out
    assert "Decide:   riskset-site show " in out
    assert "delete it once decided" in err
    assert page.stat().st_mode & 0o077 == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["extract.csv", "page.html"]


def test_one_item_as_numbers_and_as_bytes(shown: Shown, tmp_path: Path) -> None:
    rows = extract(tmp_path, 40)
    _, numbers, _ = shown("2", "--numbers", "--extract", rows)
    assert "patients in the study, by arm\n    24 16\n" in numbers
    assert "SHA-256" not in numbers
    _, masked, _ = shown("2", "--bytes", "--extract", rows)
    assert "SHA-256" in masked
    assert "24 16" not in masked


def test_scripts_get_no_number_of_the_hospitals(shown: Shown, tmp_path: Path) -> None:
    status, out, _ = shown("--extract", extract(tmp_path, 40), "--format", "json")
    told = json.loads(out)
    assert (status, told["schema"]) == (0, "riskset-site:preview/1")
    assert {one["status"] for one in told["items"]} == {"pass", "review"}
    assert set(told["items"][0]) == {
        "about", "bytes", "item", "numbers", "status", "step", "trips", "what", "why",
    }  # fmt: skip


def test_what_the_rules_forbid_is_said_as_an_error(shown: Shown, tmp_path: Path) -> None:
    status, out, err = shown("--extract", extract(tmp_path, 9))
    assert (status, out) == (Exit.DISCLOSURE, "")
    assert "fewer than 10 patients (rule S1, `exact`)" in err


def test_an_item_that_is_none(shown: Shown, tmp_path: Path) -> None:
    status, _, err = shown("99", "--extract", extract(tmp_path, 40))
    assert status == Exit.USAGE
    assert "there is no item 99" in err
