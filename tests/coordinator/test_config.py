"""The coordinator's settings: everything wrong with them at once, and no secret in them."""

import re
import tomllib
from pathlib import Path

import pytest

from coordinator.config import FileKeys, FlowerConfig, KeyFileError, read_config, read_seed
from protocol.errors import ProblemsError

TABLES = ("tls", "waiting", "limits", "flower")
EXAMPLE = Path(__file__).parents[2] / "deploy" / "coordinator.example.toml"


def written(folder: Path, text: str) -> Path:
    file = folder / "coordinator.toml"
    file.write_text(text, encoding="utf-8")
    return file


def told(folder: Path, text: str) -> list[str]:
    with pytest.raises(ProblemsError) as error:
        read_config(written(folder, text))
    return [f"{problem}; {problem.fix}" for problem in error.value.problems]


def test_an_empty_file_is_all_defaults_from_its_own_folder(tmp_path: Path) -> None:
    config = read_config(written(tmp_path, ""))
    assert config.store == f"sqlite:///{tmp_path / 'journal.db'}"
    assert config.out == tmp_path / "results"
    assert (config.patience.hours, config.runs) == (72, 8)


def test_the_example_shows_every_key_at_its_default(tmp_path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    keys = re.sub(r"^# (\w+ = )", r"\1", text, flags=re.MULTILINE)
    shown = re.sub(r'^store = "postgresql.*\n', "", keys, flags=re.MULTILINE)
    assert FileKeys.model_validate(tomllib.loads(shown)) == FileKeys()
    known = {name for name in FileKeys.model_fields if name not in TABLES}
    assert known <= tomllib.loads(shown).keys()
    for table in TABLES:
        fields = type(getattr(FileKeys(), table)).model_fields
        assert tomllib.loads(shown)[table].keys() == fields.keys()
    assert read_config(written(tmp_path, text)) == read_config(written(tmp_path, shown))


def test_the_examples_postgresql_address_is_taken(tmp_path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    (line,) = re.findall(r'^# (store = "postgresql.*)$', text, flags=re.MULTILINE)
    address = tomllib.loads(line)["store"]
    assert read_config(written(tmp_path, line)).store == address


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lisen = 1", "lisen: is no key of coordinator.toml; did you mean 'listen'?"),
        ("[limits]\nrun = 1", "limits.run: is no key of coordinator.toml; did you mean 'runs'"),
        ("[limits]\nruns = 0", "limits.runs: has to be greater than or equal to 1"),
        ("[waiting]\nhours = 1000", "waiting.hours: has to be less than or equal to 336"),
        ('listen = "somewhere"', "listen: has to be an address and a port"),
        ('listen = "host:99999"', "listen: has to be an address and a port"),
        ('store = "postgresql://me:secret@host/x"', "store: holds a password"),
        ('store = "journal.db"', "store: has to begin with sqlite:///"),
        ("out = 3", "out: has to be a valid string"),
        ("listen = ", "the file: is not TOML"),
    ],
)
def test_what_is_wrong_is_told_with_its_key(tmp_path: Path, text: str, said: str) -> None:
    (problem,) = told(tmp_path, text)
    assert problem.startswith(said)
    assert "secret" not in problem


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    assert len(told(tmp_path, "lisen = 1\nout = 3\n[limits]\nruns = 0")) == 3


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ProblemsError, match="cannot be read"):
        read_config(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"out = '\xe9'")
    with pytest.raises(ProblemsError, match="not UTF-8"):
        read_config(tmp_path / "latin.toml")


def test_a_key_is_its_owners_alone(tmp_path: Path) -> None:
    key = tmp_path / "coordinator.key"
    with pytest.raises(KeyFileError, match="No such file"):
        read_seed(key)
    key.write_bytes(bytes(range(32)))
    key.chmod(0o640)
    with pytest.raises(KeyFileError, match="others than its owner") as error:
        read_seed(key)
    assert error.value.fix == f"chmod 600 {key}"
    key.chmod(0o600)
    assert read_seed(key) == bytes(range(32))
    for size in (0, 31, 33):
        key.write_bytes(bytes(size))
        with pytest.raises(KeyFileError, match="does not hold 32 bytes"):
            read_seed(key)


def test_flower_carries_where_it_is_said(tmp_path: Path) -> None:
    table = '[flower]\nsuperlink = "flower:443"\n'
    found = read_config(written(tmp_path, 'carrier = "flower"\n' + table)).flower
    assert found == FlowerConfig("flower:443", None, tmp_path / "superexec.secret")
    named = read_config(written(tmp_path, 'carrier = "flower"\n[flower]\nca = "ca.pem"\n')).flower
    assert named is not None
    assert named.ca == tmp_path / "ca.pem"
    assert read_config(written(tmp_path, table)).flower is None
