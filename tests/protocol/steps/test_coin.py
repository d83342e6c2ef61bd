"""The coin: nobody chooses it, nobody redraws it, and it locates no patient."""

import hmac
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from protocol.canonical import digest, lp
from protocol.cohort import Cohort
from protocol.steps.coin import ShowCoin, lottery_numbers
from protocol.steps.flow import Flow
from protocol.steps.lock import CommitmentError
from tests.federation.cohorts import ask, clinics, key, opened, small_plan, terms_of

SITES = clinics()
TERMS = terms_of(small_plan(), SITES)
COMMITMENTS = ask(Flow(small_plan(), TERMS), SITES).coin_commitments
STEP = ShowCoin(TERMS, COMMITMENTS)


def rows(site: Cohort) -> np.ndarray:
    return np.arange(site.size)


def test_the_coin_is_the_hash_of_all_shares() -> None:
    shares = [TERMS.share(site) for site in SITES]
    assert ask(STEP, SITES) == digest("coin", *shares)
    assert ask(STEP, SITES[::-1]) == digest("coin", *shares)


def test_nothing_but_statements_leaves() -> None:
    assert STEP.layout().fields == ()
    assert STEP.local(SITES[0]) == {}
    assert STEP.statement(SITES[0])[:32] == TERMS.share(SITES[0])


def test_the_patients_key_never_leaves() -> None:
    """Only its hash does, and the commitment shows neither of the two secrets."""
    for site in SITES:
        public = (
            STEP.statement(site)
            + COMMITMENTS[site.site]
            + Flow(small_plan(), TERMS).statement(site)
        )
        assert TERMS.patients_key(site) not in public
        assert TERMS.share(site) not in COMMITMENTS[site.site]


def test_who_moves_last_cannot_change_its_share() -> None:
    """The attacker sees all shares, tries others until the coin suits it, and is named."""
    honest = opened(STEP, SITES)
    for tried in range(20):
        forged = digest("forged", bytes([tried])) + honest.statements[SITES[3].site][32:]
        statements = {**honest.statements, SITES[3].site: forged}
        with pytest.raises(CommitmentError, match=r"s3: .* not the one committed to"):
            STEP.learn(replace(honest, statements=statements))


def test_who_moves_last_cannot_keep_silent() -> None:
    """With or without its share: that would be a choice between two coins."""
    honest = opened(STEP, SITES)
    spoke = {site: said for site, said in honest.statements.items() if site != "s3"}
    with pytest.raises(CommitmentError, match=r"s3: .* is missing"):
        STEP.learn(replace(honest, statements=spoke))


@pytest.mark.parametrize("shown", [b"", b"r" * 31, b"r" * 63, b"r" * 65, b"r" * 4000])
def test_a_share_has_one_size(shown: bytes) -> None:
    """Also one that was committed to: an empty share would leave the coin to the others."""
    honest = opened(STEP, SITES)
    bent = {**COMMITMENTS, SITES[1].site: digest("coin", shown[:32], shown[32:])}
    statements = {**honest.statements, SITES[1].site: shown}
    with pytest.raises(CommitmentError, match=r"s1: the coin share is not 64 bytes"):
        replace(STEP, commitments=bent).learn(replace(honest, statements=statements))


@pytest.mark.parametrize("said", [b"", b"c" * 31, b"c" * 33])
def test_a_commitment_to_a_share_has_one_size(said: bytes) -> None:
    step = Flow(small_plan(), TERMS)
    honest = opened(step, SITES)
    statements = {**honest.statements, SITES[1].site: said}
    with pytest.raises(CommitmentError, match=r"s1: .* is not 32 bytes"):
        step.learn(replace(honest, statements=statements))


def test_another_hospitals_commitment_cannot_be_copied() -> None:
    """Its sender could show nothing until the other has, and then only the same."""
    step = Flow(small_plan(), TERMS)
    honest = opened(step, SITES)
    copied = {**honest.statements, SITES[3].site: honest.statements[SITES[1].site]}
    with pytest.raises(CommitmentError, match=r"s1 and s3: .* the same from both"):
        step.learn(replace(honest, statements=copied))


def test_a_commitment_cannot_be_left_out_either() -> None:
    step = Flow(small_plan(), TERMS)
    honest = opened(step, SITES)
    spoke = {site: said for site, said in honest.statements.items() if site != "s1"}
    with pytest.raises(CommitmentError, match=r"s1: .* is missing"):
        step.learn(replace(honest, statements=spoke))


def test_the_same_study_has_the_same_coin() -> None:
    again = terms_of(small_plan(), [replace(site) for site in SITES])
    assert again == TERMS
    assert ask(ShowCoin(again, COMMITMENTS), SITES) == ask(STEP, SITES)


OTHERS = {
    "plan": replace(TERMS, plan_digest=b"x" * 32),
    "roster": replace(TERMS, roster_digest=b"x" * 32),
    "extract": replace(TERMS, extracts=((SITES[0].site, bytes(32)), *TERMS.extracts[1:])),
}


@pytest.mark.parametrize("what", OTHERS)
def test_another_plan_roster_or_extract_has_another_coin(what: str) -> None:
    both = (TERMS, OTHERS[what])
    shares = {terms.share(site) for terms in both for site in SITES}
    keys = {terms.patients_key(site) for terms in both for site in SITES}
    assert len(shares) == len(keys) == 2 * len(SITES)


def test_lottery_numbers_by_hand() -> None:
    """As the specification says: HMAC of (key number, site, HMAC of the id)."""
    site, coin = SITES[1], b"K" * 32
    hidden = hmac.digest(b"p" * 32, bytes(site.ids[5]), "sha256")
    message = lp((7).to_bytes(4, "little"), "s1", hidden)
    expected = int.from_bytes(hmac.digest(coin, message, "sha256")[:8], "big")
    found = lottery_numbers(coin, 7, site, b"p" * 32, np.array([5]))
    assert found.dtype == np.uint64
    assert [int(u) for u in found] == [expected]


def test_numbers_differ_between_keys_coins_hospitals_and_patients() -> None:
    site = SITES[0]
    drawn = [
        lottery_numbers(coin, number, at, secret, rows(site))
        for coin in (b"K" * 32, b"L" * 32)
        for number in (1, 2)
        for at in (site, replace(site, site=SITES[1].site))
        for secret in (b"p" * 32, b"q" * 32)
    ]
    every = np.concatenate(drawn)
    assert len(np.unique(every)) == len(every) == 16 * site.size


def slices_of(site: Cohort, coin: bytes, secret: bytes) -> list[int]:
    return [int(u >> np.uint64(58)) for u in lottery_numbers(coin, 1, site, secret, rows(site))]


def test_guessable_ids_locate_nobody_without_the_hospitals_secret() -> None:
    """The attacker knows coin, plan, roster, and every id; it sees how many fall in each slice.

    With the hospital's key p it would reproduce the counts and so place each patient; with a key
    that it guesses it finds another picture every time.
    """
    site, coin = SITES[0], ask(STEP, SITES)
    seen = Counter(slices_of(site, coin, TERMS.patients_key(site)))
    stolen = Counter(slices_of(site, coin, TERMS.patients_key(replace(site))))
    assert stolen == seen
    from_public = [b"", bytes(32), coin, TERMS.plan_digest, TERMS.roster_digest]
    shown = [STEP.statement(site)[:32], STEP.statement(site)[32:], COMMITMENTS[site.site]]
    by_other_secret = TERMS.patients_key(replace(site, secret=key("guess")))
    for guess in (*from_public, *shown, by_other_secret):
        assert Counter(slices_of(site, coin, guess)) != seen
    assert agreement(site, coin, TERMS.patients_key(site)) == site.size
    # By chance one of 64 agrees: 40 patients and 9 guesses give 5.6 on average.
    chance = sum(agreement(site, coin, g) for g in (*from_public, *shown, by_other_secret))
    assert chance < 20


def agreement(site: Cohort, coin: bytes, guess: bytes) -> int:
    """Count the patients whom a guess puts into their true slice."""
    true = slices_of(site, coin, TERMS.patients_key(site))
    return sum(a == b for a, b in zip(true, slices_of(site, coin, guess), strict=True))
