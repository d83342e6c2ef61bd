"""Words name a digest by its first bits."""

import pytest

from protocol.words import ENGLISH, same_words, words


def test_list_has_a_word_for_every_eleven_bits() -> None:
    assert len(set(ENGLISH)) == 2**11
    assert list(ENGLISH) == sorted(ENGLISH)
    assert len({word[:4] for word in ENGLISH}) == len(ENGLISH)


def test_words_by_hand() -> None:
    # bits: 00000000001 11111111111 00000000010 ..., so places 1, 2047 and 2
    digest = int("00000000001" + "11111111111" + "00000000010", 2) << (256 - 33)
    assert words(digest.to_bytes(32, "big")) == "ability-zoo-able"


def test_first_word_of_many_is_the_word_alone() -> None:
    digest = bytes(range(200, 232))
    assert words(digest, 23).startswith(words(digest, 1) + "-")
    assert len(words(digest, 23).split("-")) == 23


@pytest.mark.parametrize(("digest", "count"), [(bytes(31), 3), (bytes(32), 0), (bytes(32), 24)])
def test_refuses_what_it_cannot_name(digest: bytes, count: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        words(digest, count)


@pytest.mark.parametrize(
    "said", ["maple-otter-quartz", "Maple Otter Quartz", " MAPLE- otter\nquartz "]
)
def test_words_are_compared_as_people_write_them(said: str) -> None:
    assert same_words("maple-otter-quartz", said)


@pytest.mark.parametrize("said", ["", "maple-otter", "otter-maple-quartz", "mapleotterquartz"])
def test_other_words_are_others(said: str) -> None:
    assert not same_words("maple-otter-quartz", said)
