"""The hospital's command as a person or a script meets it."""

import json
import re
from pathlib import Path

import pytest

from site_node.cli import main

REPOSITORY = Path(__file__).parents[2]
CRLM = REPOSITORY / "riskset" / "plans" / "crlm.toml"
H1 = REPOSITORY / "riskset" / "data" / "crlm" / "H1.csv"
CORPUS = REPOSITORY / "tests" / "data" / "extracts"
BROKEN = CORPUS / "everything-at-once.csv"


class Ended:
    """How the command ended and what it wrote."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> "Run":
    return Run(monkeypatch, capsys)


class Run:
    """Runs the command in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys

    def __call__(self, *arguments: str | Path) -> Ended:
        words = ["riskset-site", *map(str, arguments)]
        self.monkeypatch.setattr("sys.argv", words)
        with pytest.raises(SystemExit) as ended:
            main()
        written = self.capsys.readouterr()
        return Ended(int(ended.value.code or 0), written.out, written.err)


def test_a_clean_extract(run: Run) -> None:
    ended = run("check", CRLM, H1)
    assert (ended.status, ended.err) == (0, "")
    assert "H1.csv: 112 rows, held against the plan of crlm" in ended.out
    assert "Every value fits the plan's dictionary." in ended.out
    assert re.search(r"In neither arm of the comparison +0\n", ended.out)
    assert re.search(r"Upfront ablation +33\nDelayed ablation +79\n", ended.out)
    assert "it never leaves this screen" in ended.out


def test_survival_of_the_quick_look(run: Run, tmp_path: Path) -> None:
    # Upfront: 4 patients, deaths on days 100 and 300, one censored on day 200, one on day 900.
    # S(365) = 3/4 * 1/2 = .375; nobody is followed to day 1000. Delayed: nobody dies.
    ends = [("upfront", 100, 1), ("upfront", 200, 0), ("upfront", 300, 1), ("upfront", 900, 0)]
    ends += [("delayed", 1200, 0)]
    rows = [
        f"P{n},61,4.5,I,{arm},{days},{dead},5,relapse\n" for n, (arm, days, dead) in enumerate(ends)
    ]
    header = BROKEN.read_text(encoding="utf-8").splitlines()[0] + "\n"
    extract = tmp_path / "extract.csv"
    extract.write_text(header + "".join(rows), encoding="utf-8")
    ended = run("check", CORPUS / "plan.toml", extract)
    assert ended.status == 1  # five patients: the study would refuse them, so that is said here
    assert "fewer than 10 patients (rule S1, `exact`)" in ended.err
    look = ended.out.split("never leaves this screen.")[1].strip().splitlines()
    assert [re.split(r"  +", line) for line in look] == [
        ["Overall survival", "365 days", "1000 days"],
        ["Upfront", "38 %", "-"],
        ["Delayed", "100 %", "100 %"],
    ]


def test_a_refused_extract(run: Run) -> None:
    ended = run("check", CORPUS / "plan.toml", BROKEN)
    assert ended.status == 1
    assert ended.err.startswith(f"error  {BROKEN}: 6 problems  [invalid-input]\n")
    broken = ended.out.split("\n\n")[2].splitlines()
    assert [re.split(r"  +", line) for line in broken[:3]] == [
        ["Variable", "rule", "rows", "the plan"],
        ["patient id", "duplicate id", "1", "refuses the extract"],
        ["age", "not a number", "1", "refuses the extract"],
    ]
    assert "In the study" not in ended.out


def test_row_numbers_only_on_request(run: Run) -> None:
    assert "first rows" not in run("check", CORPUS / "plan.toml", BROKEN).out
    asked = run("check", CORPUS / "plan.toml", BROKEN, "--rows")
    assert re.search(r"duplicate id +1 +refuses the extract +3\n", asked.out)
    assert "row 3" not in asked.err


def test_json_for_scripts(run: Run) -> None:
    found = json.loads(run("check", CRLM, H1, "--format", "json").out)
    assert found["rows"] == 112
    assert found["refused"] is False
    assert found["violations"] == []
    assert [arm["count"] for arm in found["arms"]] == [33, 79]
    assert [reason["count"] for reason in found["excluded"]] == [0, 0, 0]
    assert "survival" not in json.dumps(found)


def test_json_of_a_refused_extract(run: Run) -> None:
    ended = run("check", CORPUS / "plan.toml", BROKEN, "--format", "json", "--rows")
    found = json.loads(ended.out)
    assert ended.status == 1
    assert found["refused"] is True
    assert found["violations"][0] == {
        "variable": "patient id",
        "rule": "duplicate id",
        "count": 1,
        "effect": "refuse",
        "first_rows": [3],
    }
    error = json.loads(ended.err)["error"]
    assert error["code"] == "invalid-input"
    assert error["problems"][0]["rule"] == "duplicate id in 1 row"


def test_a_mapping_changes_names(run: Run, tmp_path: Path) -> None:
    theirs = tmp_path / "extract.csv"
    text = H1.read_text(encoding="utf-8").replace("patient_id,age", "Fall,Alter", 1)
    theirs.write_text(text.replace(",male,", ",m,").replace(",female,", ",w,"), encoding="utf-8")
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(
        'id = "Fall"\n[columns]\nage = "Alter"\n[levels.sex]\nm = "male"\nw = "female"\n',
        encoding="utf-8",
    )
    assert run("check", CRLM, theirs).status == 1
    mapped = run("check", CRLM, theirs, "--mapping", mapping)
    assert mapped.status == 0
    named = mapped.out.replace(str(theirs), "").replace("Alter", "age  ")
    assert named == run("check", CRLM, H1).out.replace(str(H1), "")


def test_nobody_in_the_study(run: Run, tmp_path: Path) -> None:
    """Every value is right, yet the plan wants none of these patients."""
    header = BROKEN.read_text(encoding="utf-8").splitlines()[0]
    extract = tmp_path / "extract.csv"
    extract.write_text(f"{header}\nP1,61,4.5,I,upfront,9,0,,none\n", encoding="utf-8")
    ended = run("check", CORPUS / "plan.toml", extract)
    assert ended.status == 1
    assert "the study: no patient is left in the study\n" in ended.err
    assert re.search(r"A required value is missing +1\n", ended.out)


def test_wrong_files(run: Run, tmp_path: Path) -> None:
    odd = tmp_path / "plan.toml"
    odd.write_bytes(b'title = "\xe9"')
    assert "the file: is not UTF-8" in run("check", odd, H1).err
    assert "the file: is a folder" in run("check", CRLM, tmp_path).err
    assert f"{tmp_path}: is a directory" in run("check", tmp_path, H1).err
    assert "the file: does not exist" in run("check", CRLM, tmp_path / "none.csv").err


def test_usage(run: Run, tmp_path: Path) -> None:
    assert run("--version").out.startswith("riskset-site ")
    assert run("check", CRLM).status == 2
    assert run("check", tmp_path / "none.toml", H1).status == 2
    assert run("check", "--help").status == 0


@pytest.mark.parametrize(
    ("surprise", "told", "status"),
    [
        (KeyError("P001 was seen on 2010-10-04"), "unexpected happened (KeyError)  [internal]", 1),
        (OSError(28, "No space left on device"), "a file: no space left on device  [file]", 2),
    ],
)
def test_unexpected_errors_tell_nothing_of_the_data(
    run: Run, monkeypatch: pytest.MonkeyPatch, surprise: Exception, told: str, status: int
) -> None:
    def fail(*_: object) -> None:
        raise surprise

    monkeypatch.setattr("site_node.commands.inspect_extract", fail)
    monkeypatch.delenv("RISKSET_DEBUG", raising=False)
    ended = run("check", CRLM, H1)
    assert ended.status == status
    assert told in ended.err
    assert "P001" not in ended.err
    assert "Traceback" not in ended.err
    monkeypatch.setenv("RISKSET_DEBUG", "1")
    with pytest.raises(type(surprise)):
        main()


def test_an_interrupt_ends_without_a_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("site_node.commands.app", interrupted)
    assert run("check", CRLM, H1).status == 130
