"""A node is set up once, whole, and its settings are only changed into other settings."""

from pathlib import Path
from stat import S_IMODE

import pytest

from protocol.errors import ProblemsError
from site_node.config import read_config
from site_node.folder import FolderError
from site_node.setup import SetupError, add_table, change_words, identity_of, init, set_address

WORDS = "abandon ability able about above absent"


def made(folder: Path) -> Path:
    config = folder / "site.toml"
    init(config, "H1", 'Hôpital \\ "One"\x7f')
    return config


def test_a_new_node_has_settings_and_private_keys(tmp_path: Path) -> None:
    (tmp_path / "map.toml").touch()
    own = init(tmp_path / "site.toml", "H1", "One", extract="our data.csv", mapping="map.toml")
    config = read_config(tmp_path / "site.toml")
    assert (config.site, config.name, config.state) == ("H1", "One", tmp_path / "state")
    for name in ("identity.key", "secret.key"):
        assert S_IMODE((tmp_path / "state" / name).stat().st_mode) == 0o600
    assert S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    assert identity_of(config) == own
    assert len(own.words.split()) == 6 or own.words.count("-") == 5


def test_every_name_survives_the_file(tmp_path: Path) -> None:
    assert read_config(made(tmp_path)).name == 'Hôpital \\ "One"\x7f'


def test_a_second_set_up_changes_nothing(tmp_path: Path) -> None:
    config = made(tmp_path)
    before = config.read_bytes(), (tmp_path / "state" / "identity.key").read_bytes()
    with pytest.raises(SetupError, match="there already"):
        init(config, "H2", "Two")
    assert (config.read_bytes(), (tmp_path / "state" / "identity.key").read_bytes()) == before


def test_an_interrupted_set_up_keeps_its_keys(tmp_path: Path) -> None:
    config = made(tmp_path)
    before = (tmp_path / "state" / "identity.key").read_bytes()
    config.unlink()
    made(tmp_path)
    assert (tmp_path / "state" / "identity.key").read_bytes() == before


def test_a_mapping_that_is_not_there_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"map\.toml: is no file") as refused:
        init(tmp_path / "site.toml", "H1", "One", mapping="map.toml")
    assert "riskset-site data" in refused.value.fix
    assert list(tmp_path.iterdir()) == []


def test_a_refused_change_names_the_settings_and_not_the_trial(tmp_path: Path) -> None:
    config = made(tmp_path)
    with pytest.raises(ProblemsError) as refused:
        add_table(config, "known_sites", {"id": "H2", "words": "too few"})
    assert refused.value.subject == str(config)
    assert "6 words" in str(refused.value)


@pytest.mark.parametrize("site", ["", "a b", "ä", "../x"])
def test_an_id_that_is_none_makes_nothing(tmp_path: Path, site: str) -> None:
    with pytest.raises(SetupError, match="hospital id"):
        init(tmp_path / "site.toml", site, "One")
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    config = made(tmp_path)
    (tmp_path / "state" / "identity.key").chmod(0o640)
    with pytest.raises(FolderError, match=r"identity\.key"):
        identity_of(read_config(config))


def test_the_address_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    config = made(tmp_path)
    before = config.read_text(encoding="utf-8")
    set_address(config, "study.example.org:7443")
    assert read_config(config).address == "study.example.org:7443"
    told = before.replace("coordinator.example.org:7443", "study.example.org:7443")
    assert config.read_text(encoding="utf-8") == told


def test_a_bad_address_leaves_the_settings_alone(tmp_path: Path) -> None:
    config = made(tmp_path)
    before = config.read_bytes()
    with pytest.raises(ProblemsError, match=r"coordinator\.address"):
        set_address(config, "no port")
    assert config.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["site.toml", "state"]


def test_an_address_that_is_not_found_is_told(tmp_path: Path) -> None:
    config = tmp_path / "site.toml"
    config.write_text("coordinator = {address = 'a:1'}\n", encoding="utf-8")
    with pytest.raises(SetupError, match="no address under"):
        set_address(config, "study.example.org:7443")


def test_entries_are_added_one_by_one(tmp_path: Path) -> None:
    config = made(tmp_path)
    add_table(config, "known_sites", {"id": "H2", "words": WORDS})
    add_table(config, "known_sites", {"id": "H3", "words": WORDS})
    add_table(config, "plans", {"file": "plan.toml", "digest": "0" * 64})
    read = read_config(config)
    assert read.known_sites == {"H2": WORDS, "H3": WORDS}
    assert [plan.digest for plan in read.plans] == [bytes(32)]
    with pytest.raises(ProblemsError, match="named before"):
        add_table(config, "known_sites", {"id": "H2", "words": WORDS})
    assert read_config(config) == read


def test_new_words_take_the_place_of_old_ones(tmp_path: Path) -> None:
    config, others = made(tmp_path), "zoo zone zero youth young yellow"
    for site in ("H2", "H3"):
        add_table(config, "known_sites", {"id": site, "words": WORDS})
    change_words(config, "H2", others)
    assert read_config(config).known_sites == {"H2": others, "H3": WORDS}
    with pytest.raises(SetupError, match="knows no words of H4"):
        change_words(config, "H4", others)
    with pytest.raises(ProblemsError):
        change_words(config, "H3", "too few words")
    assert read_config(config).known_sites == {"H2": others, "H3": WORDS}
