"""What every carrier has to do, and what no carrier can do to a run."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from protocol.ids import SiteId
from tests.federation.carriers import faults
from tests.federation.carriers.faults import Bent
from tests.federation.carriers.networks import (
    FlowerNetwork,
    Make,
    Network,
    embedded,
    over_grpc,
)
from tests.federation.carriers.signed import Office, SignedHospital, hospitals, question
from tests.federation.carriers.world import SITES, soon

MIB = 1 << 20
H3 = SITES[2]


@pytest.fixture
def seven() -> dict[SiteId, SignedHospital]:
    return hospitals()


@pytest.fixture(scope="module", params=["embedded", "grpc", "flower"])
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    """What lasts longer than a test is begun before anybody counts threads."""
    with ExitStack() as stack:
        match request.param:
            case "embedded":
                yield embedded
            case "grpc":
                yield over_grpc
            case _:
                yield FlowerNetwork(request.getfixturevalue("superlink"), stack).serving


@pytest.fixture
def net(make: Make, seven: dict[SiteId, SignedHospital]) -> Iterator[Network]:
    with make(seven) as made:
        yield made


@pytest.fixture
def office(net: Network) -> Office:
    return Office(lambda: net.carrier)


def to_all(request: bytes) -> dict[SiteId, bytes]:
    return dict.fromkeys(SITES, request)


def test_seven_hospitals_answer(office: Office) -> None:
    assert office.ask(to_all(question())).keys() == set(SITES)
    assert (office.odd, office.repeated) == (0, 0)


def test_each_hospital_gets_its_own_request(office: Office) -> None:
    own = {site: question(number) for number, site in enumerate(SITES)}
    assert office.ask(own).keys() == set(SITES)
    assert office.odd == 0


def test_the_same_request_has_the_same_answer(office: Office) -> None:
    request = to_all(question())
    assert office.ask(request) == office.ask(request)


def test_a_hospital_that_is_not_asked_says_nothing(
    office: Office, seven: dict[SiteId, SignedHospital]
) -> None:
    assert office.ask({H3: question()}).keys() == {H3}
    assert [site for site, hospital in seven.items() if hospital.asked] == [H3]


@pytest.mark.parametrize("size_bytes", [1, 200_000, 8 * MIB], ids=["1 B", "200 kB", "8 MiB"])
def test_payloads_of_all_sizes(make: Make, size_bytes: int) -> None:
    with make(hospitals(size_bytes)) as net:
        answers = Office(lambda: net.carrier).ask(to_all(question(1, size_bytes)))
    assert all(len(answer) > size_bytes for answer in answers.values())


def test_several_runs_at_once(net: Network) -> None:
    def run(number: int) -> int:
        return len(Office(lambda: net.carrier).ask(to_all(question(number))))

    with ThreadPoolExecutor(6) as runs:
        assert list(runs.map(run, range(6))) == [7] * 6


def test_a_hospital_restarts_in_mid_trip(
    net: Network, office: Office, seven: dict[SiteId, SignedHospital]
) -> None:
    net.crash(H3)
    assert office.ask(to_all(question())).keys() == set(SITES)
    assert not seven[H3].dying
    assert all(len(hospital.kept) == 1 for hospital in seven.values())


def test_the_coordinator_restarts_in_mid_trip(
    net: Network, office: Office, seven: dict[SiteId, SignedHospital]
) -> None:
    """What it had not written down is asked again, and every hospital gives the same bytes."""
    answers = office.ask(to_all(question()), at_first=net.restart_office)
    assert answers == {site: next(iter(h.kept.values())) for site, h in seven.items()}


def test_both_restart_in_mid_trip(net: Network, office: Office) -> None:
    net.crash(H3)
    office.ask(to_all(question()), at_first=net.restart_office)


def test_an_exchange_that_is_not_wanted_any_more_ends(net: Network) -> None:
    assert list(net.carrier.exchange(to_all(question()), soon(), lambda: True)) == []


@pytest.mark.parametrize("fault", faults.REPLIES)
def test_no_fault_on_the_way_back_changes_an_answer(
    net: Network, seven: dict[SiteId, SignedHospital], fault: object
) -> None:
    bent = Bent(lambda: net.carrier, replies=fault)  # type: ignore[arg-type]
    answers = Office(lambda: bent).ask(to_all(question()))
    assert answers == {site: next(iter(h.kept.values())) for site, h in seven.items()}


@pytest.mark.parametrize("fault", [faults.flips, faults.truncates, faults.swaps])
def test_changed_answers_are_found(net: Network, fault: object) -> None:
    bent = Bent(lambda: net.carrier, replies=fault)  # type: ignore[arg-type]
    asking = Office(lambda: bent)
    asking.ask(to_all(question()))
    assert asking.odd == 7


def test_a_repeated_answer_is_the_same(net: Network) -> None:
    bent = Bent(lambda: net.carrier, replies=faults.repeats)
    asking = Office(lambda: bent)
    asking.ask(to_all(question()))
    assert (asking.odd, asking.repeated) == (0, 7)


def test_a_changed_question_is_not_answered(
    net: Network, seven: dict[SiteId, SignedHospital]
) -> None:
    """The hospital refuses the bytes that came; that is no answer to those that were sent."""
    bent = Bent(lambda: net.carrier, requests=lambda _, request: faults.flipped(request))
    asking = Office(lambda: bent)
    asking.ask(to_all(question()))
    assert asking.odd == 7
    assert all(len(hospital.kept) == 1 for hospital in seven.values())


def test_an_answer_to_another_question_is_none(net: Network) -> None:
    old = Office(lambda: net.carrier).ask(to_all(question(1)))
    bent = Bent(lambda: net.carrier, replies=lambda replies, _: ((s, old[s]) for s, _ in replies))
    asking = Office(lambda: bent)
    asking.ask(to_all(question(2)))
    assert asking.odd == 7
