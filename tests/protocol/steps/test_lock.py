"""Lock: no patient data leaves, and every hospital commits to its extract."""

from dataclasses import replace

import pytest

from protocol.cohort import snapshot_commitment
from protocol.layout import Layout
from protocol.steps.lock import CommitmentError, Lock
from tests.federation.cohorts import ask, clinics, key, opened


def test_nothing_leaves_but_a_commitment() -> None:
    site = clinics()[0]
    assert Lock().layout() == Layout(())
    assert Lock().local(site) == {}
    assert Lock().statement(site) == snapshot_commitment(site)
    assert opened(Lock(), clinics()).patients == 0


def test_commitments_by_hospital_in_the_order_of_ids() -> None:
    found = ask(Lock(), clinics()[::-1])
    assert list(found) == ["s0", "s1", "s2", "s3"]
    assert found["s2"] == snapshot_commitment(clinics()[2])  # type: ignore[index]


def test_a_commitment_follows_rows_and_secret_only() -> None:
    site = clinics()[0]
    other_row = replace(site, arm=1 - site.arm)
    said = snapshot_commitment(site)
    assert snapshot_commitment(replace(site, rows=site.rows)) == said
    assert snapshot_commitment(other_row) != said
    assert snapshot_commitment(replace(site, secret=key("other"))) != said
    assert snapshot_commitment(replace(site, ids=site.ids[::-1])) != said


@pytest.mark.parametrize("said", [b"", b"short", bytes(33)])
def test_another_length_is_refused_by_the_hospitals_name(said: bytes) -> None:
    honest = opened(Lock(), clinics())
    statements = {**honest.statements, honest.sites[1]: said}
    with pytest.raises(CommitmentError, match=r"s1: .* not 32 bytes"):
        Lock().learn(replace(honest, statements=statements))


def test_a_silent_hospital_is_named() -> None:
    honest = opened(Lock(), clinics())
    spoke = {site: said for site, said in honest.statements.items() if site != "s3"}
    with pytest.raises(CommitmentError, match=r"s3: .* is missing"):
        Lock().learn(replace(honest, statements=spoke))


def test_a_copied_commitment_is_refused() -> None:
    """It would bind its sender to nothing that the sender knows."""
    honest = opened(Lock(), clinics())
    copied = {**honest.statements, honest.sites[3]: honest.statements[honest.sites[0]]}
    with pytest.raises(CommitmentError, match=r"s0 and s3: .* the same from both"):
        Lock().learn(replace(honest, statements=copied))
