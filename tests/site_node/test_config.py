"""Settings are read once, and what is wrong with them is said all at once."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from protocol.errors import ProblemsError
from protocol.plan.digest import plan_digest
from protocol.plan.read import read_plan
from site_node.config import read_approved, read_config
from site_node.logs import Level
from site_node.site_file import TABLES, SiteFile

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "deploy" / "site.example.toml").read_text(encoding="utf-8")
SMALL = ROOT / "tests" / "federation" / "small.toml"
LEAST = """
site = "lyon"
name = "Lyon"
[coordinator]
address = "study.example.org:7443"
[data]
extract = "extract.csv"
"""


def config(folder: Path, text: str) -> Path:
    path = folder / "site.toml"
    path.write_text(text, encoding="utf-8")
    return path


def whole(text: str) -> dict[str, Any]:
    """Read the example with all settings that may be left out."""
    return tomllib.loads(text.replace("#: ", ""))


def refused(folder: Path, text: str) -> str:
    with pytest.raises(ProblemsError) as caught:
        read_config(config(folder, text))
    return "\n".join(f"{p} | {p.fix}" for p in caught.value.problems)


def test_the_example_has_every_setting_and_explains_it() -> None:
    shown = whole(EXAMPLE)
    assert set(shown) == set(SiteFile.model_fields)
    for name, table in TABLES.items():
        there = shown[name]
        there = there[0] if isinstance(there, list) else there
        assert set(there) == set(table.model_fields), name
    assert len(TABLES) == sum(isinstance(one, dict | list) for one in shown.values())
    lines = EXAMPLE.splitlines()
    told: set[str] = set()
    for place, line in enumerate(lines):
        setting = re.match(r"(#: )?([a-z_]+) = ", line)
        if setting and setting[2] not in told:
            above = lines[place - 1]
            assert above.startswith(("# ", "#: ")), line
            told.add(setting[2])


@pytest.mark.parametrize("everything", [False, True])
def test_the_example_can_be_read(tmp_path: Path, everything: bool) -> None:
    text = EXAMPLE.replace("#: ", "") if everything else EXAMPLE
    found = read_config(config(tmp_path, text))
    assert found.site == "lyon"
    assert found.state == tmp_path / "state"
    assert dict(found.known_sites).keys() == {"basel", "torino"}
    assert (found.min_sites, found.min_known_sites, found.max_runs) == (3, 2, 20)
    (plan,) = found.plans
    assert plan.file == tmp_path / "crlm.toml"
    assert plan.extract.name == ("crlm.csv" if everything else "extract.csv")
    assert (found.proxy is not None) == everything


def test_what_is_left_out_has_its_default(tmp_path: Path) -> None:
    found = read_config(config(tmp_path, LEAST))
    assert (found.plans, dict(found.known_sites), found.log_level) == ((), {}, Level.INFO)
    assert (found.message_mb, found.log_file, found.ca) == (256, None, None)


def test_a_mapping_goes_with_its_extract(tmp_path: Path) -> None:
    digest = "0" * 64
    plans = f'mapping = "m.toml"\n[[plans]]\nfile = "a"\ndigest = "{digest}"\n'
    other = f'[[plans]]\nfile = "b"\ndigest = "{"1" * 64}"\nextract = "b.csv"\n'
    first, second = read_config(config(tmp_path, LEAST + plans + other)).plans
    assert (first.extract.name, first.mapping and first.mapping.name) == ("extract.csv", "m.toml")
    assert (second.extract.name, second.mapping) == ("b.csv", None)


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    text = LEAST.replace('name = "Lyon"', 'nmae = "Lyon"').replace(":7443", ":99999")
    told = refused(tmp_path, text + "[limits]\nmin_sites = 2\nmax_runs = true\n")
    assert "nmae: is no key of site.toml | did you mean 'name'?" in told
    assert "name: is missing" in told
    assert "coordinator.address: has to be a name and a port" in told
    assert "limits.min_sites: has to be a whole number of at least 3" in told
    assert "limits.max_runs: has to be a whole number" in told


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ('[[known_sites]]\nid = "b c"\nwords = "a b c d e f"', "known_sites.0.id: 'b c' is no"),
        (
            '[[known_sites]]\nid = "b"\nwords = "a b c"',
            "known_sites.0.words: has to be the 6 words",
        ),
        ('[[known_sites]]\nid = "lyon"\nwords = "a b c d e f"', "known_sites: is the hospital"),
        ('[[known_sites]]\nid = "b"\nwords = "a b c d e f"\n' * 2, "known_sites.1.id: b is named"),
        (
            f'[[plans]]\nfile = "a"\ndigest = "{"0" * 64}"\n' * 2,
            "plans.1.digest: the plan is named",
        ),
        ('[[plans]]\nfile = "a"\ndigest = "0"', "plans.0.digest: has to be 64 hexadecimal"),
        ('[[plans]]\nfiel = "a"', "plans.0.fiel: is no key of site.toml | did you mean 'file'?"),
        ('[log]\nlevel = "loud"', "log.level: has to be one of 'debug', 'info', 'warning' or"),
        ("plans = 3", "data.plans: is no key of site.toml | the keys are extract, mapping"),
        ("[limits]\nmessage_mb = 4096", "limits.message_mb: has to be a whole number of at most"),
    ],
)
def test_each_slip_is_named(tmp_path: Path, more: str, told: str) -> None:
    assert told in refused(tmp_path, LEAST + more)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"site = ", "is not TOML"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"a = " + b"[" * 5000, "is not TOML|nests too deeply"),
    ],
)
def test_what_is_no_toml_is_told(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "site.toml"
    path.write_bytes(content)
    with pytest.raises(ProblemsError, match=told):
        read_config(path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ProblemsError, match="cannot be read"):
        read_config(tmp_path / "site.toml")


def approved(folder: Path, digest: bytes, file: str = "plan.toml") -> Path:
    text = f'{LEAST}[[plans]]\nfile = "{file}"\ndigest = "{digest.hex()}"\n'
    (folder / "plan.toml").write_text(SMALL.read_text(encoding="utf-8"), encoding="utf-8")
    return config(folder, text)


def test_only_the_approved_plan_is_read(tmp_path: Path) -> None:
    plan = read_plan(SMALL.read_text(encoding="utf-8"), "small.toml")
    found = read_approved(read_config(approved(tmp_path, plan_digest(plan))))
    assert [(name, plan.study.id) for name, (plan, _) in found.items()] == [
        (plan_digest(plan), "small")
    ]
    with pytest.raises(ProblemsError, match="another plan than the one that was approved"):
        read_approved(read_config(approved(tmp_path, bytes(32))))
    with pytest.raises(ProblemsError, match="cannot be read"):
        read_approved(read_config(approved(tmp_path, bytes(32), "other.toml")))


def test_flower_carries_where_it_is_said(tmp_path: Path) -> None:
    table = '[flower]\nsuperlink = "flower.example.org:443"\nca = "ca.pem"\n'
    found = read_config(config(tmp_path, 'carrier = "flower"' + LEAST + table))
    assert found.superlink == "flower.example.org:443"
    assert found.superlink_ca == tmp_path / "ca.pem"
    assert read_config(config(tmp_path, LEAST + table)).superlink is None
    assert "flower: is missing" in refused(tmp_path, 'carrier = "flower"' + LEAST)
    assert "carrier: has to be one of" in refused(tmp_path, 'carrier = "post"' + LEAST)
    assert "did you mean 'superlink'" in refused(tmp_path, LEAST + '[flower]\nsuperlnk = "a:1"')
