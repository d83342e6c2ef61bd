"""The seed study over a real SuperLink: seven node processes, and every total the same."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from coordinator.config import read_config
from protocol.ids import SiteId
from protocol.plan.read import read_plan
from protocol.run import Played
from riskset.consortium import Consortium, assemble, running
from riskset.demo import SEED
from riskset.plans import read_builtin
from riskset.synthetic import frozen
from site_node.carriers.flower.link import public_of
from site_node.folder import state_folder
from site_node.serving import flower_key
from tests.federation.flower.superlink import CA, SECRET, Running, register


@pytest.fixture(scope="module")
def consortium(tmp_path_factory: pytest.TempPathFactory) -> Consortium:
    folder = tmp_path_factory.mktemp("consortium")
    text = read_builtin("crlm")
    plan_file = folder / "plan.toml"
    plan_file.write_text(text, encoding="utf-8", newline="\n")
    extracts = {SiteId(Path(name).stem): path for name, path in frozen().items()}
    return assemble(folder, plan_file, read_plan(text, "crlm"), extracts, SEED)


def over_flower(consortium: Consortium, superlink: Running) -> Consortium:
    """Have the same coordinator and hospitals talk over a SuperLink, which knows their keys."""
    for hospital in consortium.hospitals:
        with state_folder(hospital.config.parent / "state") as folder:
            register(superlink, public_of(flower_key(folder)))
        _name_superlink(hospital.config, superlink, "")
    centre = consortium.config.key.with_name("coordinator.toml")
    (centre.parent / "superexec.secret").write_bytes(SECRET)
    _name_superlink(centre, superlink, 'superexec = "superexec.secret"\n')
    return replace(consortium, config=read_config(centre))


def _name_superlink(settings: Path, superlink: Running, more: str) -> None:
    text = settings.read_text(encoding="utf-8")
    (settings.parent / "superlink-ca.pem").write_bytes(CA)
    table = f'[flower]\nsuperlink = "{superlink.address}"\nca = "superlink-ca.pem"\n{more}'
    settings.write_text(f'carrier = "flower"\n{text}\n{table}', encoding="utf-8")


def assert_same(one: Played, other: Played) -> None:
    assert len(one.record.answers) == len(other.record.answers)
    for mine, theirs in zip(one.record.answers, other.record.answers, strict=True):
        assert mine.opened is not None
        assert theirs.opened is not None
        assert mine.opened.sums.keys() == theirs.opened.sums.keys()
        for name, total in theirs.opened.sums.items():
            np.testing.assert_array_equal(mine.opened.sums[name], total)


def test_seven_processes_over_a_superlink_give_the_same_totals(
    consortium: Consortium, superlink: Running
) -> None:
    """As over gRPC, bit by bit: the coin follows from the hospitals' own secrets."""
    with running(consortium) as all_of_them:
        expected = all_of_them.conduct(lambda _: None)
    with running(over_flower(consortium, superlink)) as all_of_them:
        assert_same(all_of_them.conduct(lambda _: None), expected)
