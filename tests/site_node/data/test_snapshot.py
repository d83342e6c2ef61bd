"""A node's rows are those that its files held when it started, and no others."""

from pathlib import Path

import pytest

from protocol.errors import ProblemsError
from protocol.plan.digest import plan_digest
from protocol.plan.model import Plan
from protocol.plan.read import read_plan
from site_node.config import PlanFiles, SiteConfig, read_config
from site_node.data.check import Reading, read_extract
from site_node.data.mapping_model import SiteMapping
from site_node.data.snapshot import Snapshot, SnapshotError, load_snapshot, load_snapshots

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "tests" / "federation" / "small.toml").read_text(encoding="utf-8")
HEADER = "id,age,marker,stage,sex,weight,timing,days,status,fever\n"
ROW = "p{0},6{0},5.5,I,1,1,early,3{0},alive,0\n"
SECRET = b"s" * 32


@pytest.fixture
def config(tmp_path: Path) -> SiteConfig:
    plan = read_plan(TEXT, "small.toml")
    (tmp_path / "plan.toml").write_text(TEXT, encoding="utf-8")
    (tmp_path / "mapping.toml").write_text('[levels.stage]\n"1" = "I"\n', encoding="utf-8")
    rows = "".join(ROW.format(k) for k in range(5))
    (tmp_path / "extract.csv").write_text(HEADER + rows, encoding="utf-8")
    (tmp_path / "site.toml").write_text(
        f"""
site = "lyon"
name = "Lyon"
[coordinator]
address = "study.example.org:7443"
[data]
extract = "extract.csv"
mapping = "mapping.toml"
[[plans]]
file = "plan.toml"
digest = "{plan_digest(plan).hex()}"
""",
        encoding="utf-8",
    )
    return read_config(tmp_path / "site.toml")


def load(config: SiteConfig) -> Snapshot:
    (found,) = load_snapshots(config, SECRET).values()
    return found


def test_rows_are_enrolled_under_the_hospitals_name_and_secret(config: SiteConfig) -> None:
    found = load(config)
    assert found.cohort.site == "lyon"
    assert found.cohort.size == 5
    assert found.cohort.secret == SECRET
    assert [file.path.name for file in found.files] == ["extract.csv", "mapping.toml"]
    found.require_same()


@pytest.mark.parametrize("name", ["extract.csv", "mapping.toml"])
def test_a_file_that_changes_is_named_until_the_restart(config: SiteConfig, name: str) -> None:
    before = load(config)
    path = config.plans[0].file.with_name(name)
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(SnapshotError, match=f"{name}: is not the file that the node read"):
        before.require_same()
    after = load(config)
    after.require_same()
    assert after.digest != before.digest


def test_a_file_that_goes_is_a_file_that_changed(config: SiteConfig) -> None:
    found = load(config)
    config.plans[0].extract.unlink()
    with pytest.raises(SnapshotError, match=r"extract\.csv"):
        found.require_same()


def test_a_file_that_is_only_touched_is_the_same(config: SiteConfig) -> None:
    found = load(config)
    path = config.plans[0].extract
    path.write_bytes(path.read_bytes())
    found.require_same()
    assert load(config).digest == found.digest


def test_a_file_that_changes_while_it_is_read_is_refused(
    config: SiteConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = config.plans[0].extract

    def growing(extract: Path, plan: Plan, mapping: SiteMapping | None) -> Reading:
        found = read_extract(extract, plan, mapping)
        path.write_bytes(path.read_bytes() + b"p9,60,5,I,1,1,early,9,alive,0\n")
        return found

    monkeypatch.setattr("site_node.data.snapshot.read_extract", growing)
    with pytest.raises(ProblemsError, match="changed while it was read"):
        load(config)


def test_problems_of_all_plans_are_told_at_once_by_study(config: SiteConfig) -> None:
    path = config.plans[0].extract
    path.write_text(HEADER + "p1,999,5,I,1,1,early,3,alive,0\np1,60,5,X,1,1,early,3,alive,0\n")
    with pytest.raises(ProblemsError) as caught:
        load_snapshots(config, SECRET)
    told = "\n".join(map(str, caught.value.problems))
    assert caught.value.subject == "the hospital's files"
    assert "small: " in told
    assert "patient id: " in told
    assert "999" not in told


def test_a_missing_extract_is_told(config: SiteConfig, tmp_path: Path) -> None:
    plan: Plan = read_plan(TEXT, "small.toml")
    files = PlanFiles(tmp_path / "plan.toml", bytes(32), tmp_path / "none.csv", None)
    with pytest.raises(ProblemsError, match=r"none\.csv.*\n.*does not exist"):
        load_snapshot(config.site, plan, files, SECRET)
