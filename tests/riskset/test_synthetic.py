import csv
import zipfile
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from importlib import resources
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.synthetic import CHUNK_ROWS, LIKING_TO_BE_UPFRONT, MEAN_INDEX, write_large
from riskset.synthetic import OverwriteError, PackagedDataError, frozen, generate, model, unpack
from riskset.synthetic.crlm import HOSPITALS, draw_patients
from riskset.synthetic.model import FollowUp, Patients
from riskset.synthetic.table import HEADER, records

Row = dict[str, str]
LEVELS = {
    "sex": {"female", "male"},
    "primary_site": {"right colon", "left colon", "rectum"},
    "t_stage": {"T1-2", "T3", "T4"},
    "n_stage": {"N0", "N1-2"},
    "ras": {"wild-type", "mutant", "unknown"},
    "lesions": {"1", "2", "3"},
    "regimen": {"none", "FOLFOX", "CAPOX", "FOLFIRI", "FOLFOXIRI"},
    "targeted": {"none", "bevacizumab", "cetuximab"},
    "strategy": {"delayed", "upfront"},
}
FLAGS = ("synchronous", "extrahepatic", "dfs_event", "os_event", "complication", "drug_ae")
RANGES = {
    "age": (24, 86),
    "cea_ng_ml": (0.1, 1000),
    "max_diameter_cm": (0.5, 2.9),
    "dfs_days": (1, 4655),
    "os_days": (1, 4655),
}


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """The frozen cohort, hospital after hospital."""
    return [row for path in frozen().values() for row in read(path)]


@pytest.fixture(scope="module")
def patients() -> Patients:
    return draw_patients()


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "large.csv"
    write_large(path, CHUNK_ROWS + 10_000, seed=7)
    return path


def read(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def kaplan_meier(follow_up: FollowUp, who: NDArray[np.bool_], day: int) -> float:
    """Survival at the end of a day, from its definition: product of 1 - d/n over event days."""
    days, event = follow_up.days[who], follow_up.event[who]
    times = np.unique(days[event & (days <= day)])
    factors = [1 - np.sum(event & (days == t)) / np.sum(days >= t) for t in times]
    return float(np.prod(factors))


def standardised_difference(x: NDArray[np.float64], upfront: NDArray[np.bool_]) -> float:
    """Difference of means over the root mean of the two n - 1 variances."""
    a, b = x[upfront], x[~upfront]
    return float((a.mean() - b.mean()) / np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2))


def assert_keeps_the_dictionary(row: Row) -> None:
    assert all(row[name] in levels for name, levels in LEVELS.items())
    assert all(row[name] in {"0", "1"} for name in FLAGS)
    assert all(low <= float(row[name]) <= high for name, (low, high) in RANGES.items())


def assert_hangs_together(row: Row) -> None:
    """What must hold between the columns of one patient."""
    ablation, os_days = date.fromisoformat(row["ablation_date"]), int(row["os_days"])
    assert date(2009, 10, 1) <= ablation <= date(2020, 12, 31)
    assert ablation + timedelta(days=os_days) <= date(2022, 6, 30)
    assert int(row["dfs_days"]) <= os_days
    # Without a first event the disease-free time is the end of follow-up, so nobody dies later.
    assert row["dfs_event"] == "1" or (row["os_event"] == "0" and row["dfs_days"] == row["os_days"])
    assert row["targeted"] == "none" or row["regimen"] != "none"
    assert row["targeted"] != "cetuximab" or row["ras"] == "wild-type"
    assert (row["strategy"], row["regimen"]) not in {("delayed", "none"), ("upfront", "FOLFOXIRI")}


def test_generator_gives_the_frozen_files_byte_for_byte() -> None:
    drawn = {name: text.encode() for name, text in generate().items()}
    assert drawn == {name: path.read_bytes() for name, path in frozen().items()}


def test_frozen_files_are_the_seven_hospitals() -> None:
    sizes = {path.name: len(list(read(path))) for path in frozen().values()}
    assert sizes == {f"{hospital}.csv": size for hospital, size in HOSPITALS.items()}


def test_patient_numbers_start_anew_in_each_hospital() -> None:
    for path in frozen().values():
        ids = [row["patient_id"] for row in read(path)]
        assert ids == [f"P{number:03d}" for number in range(1, len(ids) + 1)]


def test_every_row_keeps_the_dictionary(rows: list[Row]) -> None:
    assert len(rows) == 358
    for row in rows:
        assert_keeps_the_dictionary(row)
        assert_hangs_together(row)


def test_arms_ages_and_sexes_are_the_published_ones(patients: Patients) -> None:
    for arm, size, men, mean, sd in (
        (patients.upfront, 103, 72, 56, 12),
        (~patients.upfront, 255, 184, 57, 11),
    ):
        ages = patients.age_years[arm]
        assert (len(ages), int(patients.male[arm].sum())) == (size, men)
        # Rounding to whole years moves them a little.
        assert (ages.mean(), ages.std(ddof=1)) == pytest.approx((mean, sd), abs=0.05)


@pytest.mark.parametrize(
    ("endpoint", "upfront", "delayed"), [("dfs", 0.382, 0.154), ("os", 0.650, 0.557)]
)
def test_five_year_survival_before_matching(
    patients: Patients, endpoint: str, upfront: float, delayed: float
) -> None:
    """The crude figures of the README, which differ from the matched ones."""
    follow_up = {"dfs": patients.dfs, "os": patients.os}[endpoint]
    arms = patients.upfront, ~patients.upfront
    crude = tuple(kaplan_meier(follow_up, arm, 1825) for arm in arms)
    assert crude == pytest.approx((upfront, delayed), abs=0.0005)


def test_diameter_is_the_largest_imbalance_before_matching(patients: Patients) -> None:
    disease = patients.disease
    columns = {
        "age": patients.age_years,
        "male": patients.male,
        "left colon": disease.primary_site == "left colon",
        "rectum": disease.primary_site == "rectum",
        "T3": disease.t_stage == "T3",
        "T4": disease.t_stage == "T4",
        "N1-2": disease.node_positive,
        "mutant": disease.ras == "mutant",
        "unknown": disease.ras == "unknown",
        "log CEA": np.log(disease.cea_ng_ml),
        "lesions": disease.lesions,
        "diameter": disease.diameter_cm,
        "synchronous": disease.synchronous,
        "extrahepatic": disease.extrahepatic,
    }
    smd = {
        name: abs(standardised_difference(np.asarray(x, dtype=np.float64), patients.upfront))
        for name, x in columns.items()
    }
    assert max(smd, key=smd.__getitem__) == "diameter"
    assert smd["diameter"] == pytest.approx(0.471, abs=0.0005)


def test_cohort_strains_the_disclosure_rules(rows: list[Row]) -> None:
    cells = Counter((row["strategy"], row["dfs_days"], row["dfs_event"]) for row in rows)
    assert len({row["dfs_days"] for row in rows}) == 312
    assert sum(count == 1 for count in cells.values()) == 318
    assert [row["strategy"] for row in read(frozen()["H7.csv"])].count("upfront") == 4


def test_limits_of_cea_touch_nobody(patients: Patients) -> None:
    """The published recipe has no such limits: they may only matter in larger draws."""
    low, high = model.CEA_RANGE_NG_ML
    assert low < patients.disease.cea_ng_ml.min() < patients.disease.cea_ng_ml.max() < high


def test_readme_says_synthetic_first() -> None:
    readme = frozen()["H1.csv"].with_name("README.md").read_text(encoding="utf-8")
    assert "SYNTHETIC" in readme.splitlines()[0]


def test_header_names_every_field(patients: Patients) -> None:
    record = next(records(patients))
    assert len(HEADER.split(",")) == 1 + len(record.split(","))


def test_death_as_first_event_ends_both_times_on_one_day() -> None:
    course = model.Course(
        first_event_days=np.array([100.0, 100.0, 100.0]),
        died_first=np.array([True, False, True]),
        watched_days=np.array([100.0, 400.0, 99.0]),
    )
    rng = np.random.default_rng(1)
    death = model.draw_death_days(rng, np.array([True, False, False]), np.zeros(3), course)
    assert death[[0, 2]].tolist() == [100, 100]
    assert death[1] > 100
    dfs = course.seen(course.first_event_days)
    # An event on the last day of follow-up is seen, one a day later is not.
    assert (dfs.days.tolist(), dfs.event.tolist()) == ([100, 100, 99], [True, True, False])


def test_unpack_copies_the_extracts_and_may_be_repeated(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "demo"
    first = unpack(folder)
    stamps = [path.stat().st_mtime_ns for path in first.values()]
    assert unpack(folder) == first
    assert [path.stat().st_mtime_ns for path in first.values()] == stamps
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        name: path.read_bytes() for name, path in frozen().items()
    }


def test_unpack_completes_a_folder_beside_other_files(tmp_path: Path) -> None:
    (tmp_path / "H3.csv").write_bytes(frozen()["H3.csv"].read_bytes())
    (tmp_path / "notes.txt").write_text("mine")
    unpack(tmp_path)
    assert len(list(tmp_path.glob("H?.csv"))) == 7
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_unpack_refuses_to_overwrite_and_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "H2.csv").write_text("real,rows\n")
    (tmp_path / "H5.csv").mkdir()
    with pytest.raises(OverwriteError, match=r"already holds H2\.csv, H5\.csv") as caught:
        unpack(tmp_path)
    assert caught.value.fix
    assert "real" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["H2.csv", "H5.csv"]
    assert (tmp_path / "H2.csv").read_text() == "real,rows\n"


def test_unpack_refuses_a_file_as_folder(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("mine")
    with pytest.raises(OverwriteError, match="already holds demo"):
        unpack(tmp_path / "demo")


def test_frozen_says_what_a_zipped_package_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "app.zip", "w") as archive:
        archive.writestr("riskset/data/crlm/H1.csv", "")
    inside = zipfile.Path(tmp_path / "app.zip", "riskset/")
    monkeypatch.setattr(resources, "files", lambda _: inside)
    with pytest.raises(PackagedDataError, match=r"lacks H1\.csv") as caught:
        frozen()
    assert "install" in caught.value.fix


def test_large_extract_keeps_the_dictionary(large: Path) -> None:
    for number, row in enumerate(islice(read(large), 2_000), start=1):
        assert row["patient_id"] == f"P{number:03d}"
        assert_keeps_the_dictionary(row)
        assert_hangs_together(row)


def test_large_extract_has_its_rows_and_no_chunk_twice(large: Path) -> None:
    lines = large.read_text(encoding="utf-8").splitlines()
    assert lines[0] == HEADER
    assert len(lines) == 1 + CHUNK_ROWS + 10_000
    assert lines[-1].startswith(f"P{CHUNK_ROWS + 10_000},")
    without_id = [line.partition(",")[2] for line in lines[1:]]
    assert without_id[:1000] != without_id[CHUNK_ROWS : CHUNK_ROWS + 1000]


def test_smaller_extract_begins_a_larger_one(large: Path, tmp_path: Path) -> None:
    small, other = tmp_path / "small.csv", tmp_path / "other.csv"
    write_large(small, 1_000, seed=7)
    write_large(other, 1_000, seed=8)
    assert large.read_bytes().startswith(small.read_bytes())
    assert other.read_bytes() != small.read_bytes()


def test_large_extract_resembles_the_cohort(large: Path) -> None:
    """Shares within 5 standard errors of what the model or the published counts say."""
    rows = list(islice(read(large), 20_000))
    upfront = [row for row in rows if row["strategy"] == "upfront"]
    for group, column, level, share in (
        (rows, "strategy", "upfront", 103 / 358),
        (rows, "ras", "mutant", 0.37),
        (rows, "drug_ae", "1", 0.09),
        (upfront, "sex", "male", 72 / 103),
        (upfront, "regimen", "none", 0.22),
    ):
        seen = sum(row[column] == level for row in group) / len(group)
        assert seen == pytest.approx(share, abs=5 * np.sqrt(share * (1 - share) / len(group)))


def test_simulated_constants_of_the_large_extract_are_those_of_the_model() -> None:
    rng = np.random.default_rng(3)
    disease, age_z = model.draw_disease(rng, 100_000), rng.standard_normal(100_000)
    liking = model.liking_for_upfront(disease, age_z) + rng.logistic(size=100_000)
    upfront = liking > LIKING_TO_BE_UPFRONT
    assert np.quantile(liking, 255 / 358) == pytest.approx(LIKING_TO_BE_UPFRONT, abs=0.05)
    index = model.prognostic_index(disease, model.ages(age_z, upfront))
    assert index.mean() == pytest.approx(MEAN_INDEX, abs=0.01)


@pytest.mark.parametrize("rows", [0, 1])
def test_shortest_large_extracts(tmp_path: Path, rows: int) -> None:
    write_large(tmp_path / "short.csv", rows, seed=1)
    assert len((tmp_path / "short.csv").read_text().splitlines()) == 1 + rows


def test_large_extract_refuses_a_negative_number(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="negative"):
        write_large(tmp_path / "none.csv", -1, seed=1)
    assert list(tmp_path.iterdir()) == []
