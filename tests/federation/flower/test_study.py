"""The seed study over a real SuperLink: seven node processes, and every total the same."""

from pathlib import Path

import pytest

from benchmarks.ways import embedded, over_flower
from protocol.ids import SiteId
from protocol.plan.read import read_plan
from protocol.run import Played
from riskset.consortium import Consortium, assemble
from riskset.consortium_run import running
from riskset.demo import SEED
from riskset.plans import read_builtin
from riskset.synthetic import frozen
from tests.federation.flower.superlink import Running


@pytest.fixture(scope="module")
def consortium(tmp_path_factory: pytest.TempPathFactory) -> Consortium:
    folder = tmp_path_factory.mktemp("consortium")
    text = read_builtin("crlm")
    plan_file = folder / "plan.toml"
    plan_file.write_text(text, encoding="utf-8", newline="\n")
    extracts = {SiteId(Path(name).stem): path for name, path in frozen().items()}
    return assemble(folder, plan_file, read_plan(text, "crlm"), extracts, SEED)


def assert_same(one: Played, other: Played) -> None:
    """Every total of every step, by its bytes: the coin follows from the hospitals' secrets."""
    assert [step.key for step in one.asked] == [step.key for step in other.asked]
    assert len(one.record.answers) == len(other.record.answers)
    for mine, theirs in zip(one.record.answers, other.record.answers, strict=True):
        assert mine.opened is not None
        assert theirs.opened is not None
        assert mine.opened.sums.keys() == theirs.opened.sums.keys()
        for name, total in theirs.opened.sums.items():
            assert mine.opened.sums[name].dtype == total.dtype
            assert mine.opened.sums[name].tobytes() == total.tobytes(), name


def test_seven_processes_over_a_superlink_give_the_same_totals(
    consortium: Consortium, superlink: Running
) -> None:
    """As over gRPC, and as with nothing in between: the same folders, run three times."""
    with embedded(consortium) as conduct:
        expected = conduct()
    with running(consortium) as all_of_them:
        assert_same(all_of_them.conduct(lambda _: None), expected)
    with running(over_flower(consortium, superlink.link)) as all_of_them:
        assert_same(all_of_them.conduct(lambda _: None), expected)
