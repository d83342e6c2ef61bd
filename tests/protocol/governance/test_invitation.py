"""Invitation codes: a slip of the hand is told, and nothing else gets through."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.governance.invitation import (
    SECRET_SIZE,
    Denial,
    Invitation,
    InvitationError,
    new_invitation,
    parse_invitation,
    why_not,
)
from tests.protocol.governance.parties import NOW, seed

SECRET = seed("invitation")[:SECRET_SIZE]
CODE = new_invitation("Basel", SECRET)
secrets = st.binary(min_size=SECRET_SIZE, max_size=SECRET_SIZE)


def refused(code: str) -> InvitationError:
    with pytest.raises(InvitationError) as caught:
        parse_invitation(code)
    assert caught.value.denial is Denial.TYPO
    return caught.value


def test_a_code_by_hand() -> None:
    # Five bits to a letter: 00000 00001 00010 ... are the letters of 0, 1, 2, ... in order.
    bits = "".join(f"{k:05b}" for k in range(24))
    code = new_invitation("Basel", int(bits, 2).to_bytes(SECRET_SIZE, "big"))
    assert code.startswith("BASEL-0123-4567-89AB-CDEF-GHJK-MNPQ-")
    assert len(code.rsplit("-", 1)[1]) == 4


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,30}", fullmatch=True), secrets)
@settings(max_examples=60, deadline=None)
def test_codes_are_read_back(name: str, secret: bytes) -> None:
    code = new_invitation(name, secret)
    read = parse_invitation(code)
    assert read.secret == secret
    assert read.code == code
    assert set(code) <= set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-")


@pytest.mark.parametrize(
    "typed",
    [
        CODE.lower(),
        CODE.replace("-", " "),
        f"  {CODE}\n",
        CODE.replace("-", " - "),
        CODE.replace("0", "O").replace("1", "l"),
        CODE.replace("0", "o").replace("1", "I"),
    ],
)
def test_codes_are_read_as_people_type_them(typed: str) -> None:
    assert parse_invitation(typed).secret == SECRET


@given(st.data(), secrets)
@settings(max_examples=100, deadline=None)
def test_a_wrong_letter_or_two_swapped_are_a_typo(data: st.DataObject, secret: bytes) -> None:
    code = new_invitation("B", secret)
    places = [k for k, letter in enumerate(code) if letter != "-" and k > 0]
    place = data.draw(st.sampled_from(places))
    letter = data.draw(st.sampled_from("0123456789ABCDEFGHJKMNPQRSTVWXYZ"))
    wrong = code[:place] + letter + code[place + 1 :]
    if wrong != code:
        refused(wrong)
    other = data.draw(st.sampled_from(places))
    letters = list(code)
    letters[place], letters[other] = letters[other], letters[place]
    if letters != list(code):
        refused("".join(letters))


def test_a_code_of_another_name_is_a_typo() -> None:
    assert "fit together" in str(refused(CODE.replace("BASEL", "BERN")))


@pytest.mark.parametrize("code", ["", "-", "x", CODE[:-1], CODE[:-5], CODE[6:], CODE + "-ABCD"])
def test_too_short_and_too_long(code: str) -> None:
    assert refused(code).fix


def test_a_letter_that_codes_do_not_use_is_found_without_showing_the_code() -> None:
    error = refused(CODE[:-6] + "U" + CODE[-5:])
    assert "group 6" in str(error)
    assert not any(group in str(error) for group in CODE.split("-"))


def test_the_secret_is_beyond_guessing_and_never_shown() -> None:
    assert 8 * SECRET_SIZE >= 100
    read = parse_invitation(CODE)
    assert SECRET.hex() not in repr(read)
    assert repr(SECRET) not in repr(read)
    assert read.id == Invitation("another name", SECRET).id  # the public half is of the secret
    assert len(read.id) == 32


def test_slips_of_the_caller() -> None:
    with pytest.raises(ValueError, match="15 secret bytes"):
        new_invitation("Basel", bytes(16))
    with pytest.raises(ValueError, match="label"):
        new_invitation("Ä-Ö", SECRET)


A, B = seed("key a"), seed("key b")
LATER = NOW + timedelta(days=1)


@pytest.mark.parametrize(
    ("now", "used_by", "reason"),
    [
        (NOW, None, None),
        (LATER - timedelta(microseconds=1), None, None),
        (LATER, None, Denial.EXPIRED),
        (NOW, B, Denial.USED),
        (LATER, B, Denial.USED),
        (NOW, A, None),  # the receipt was lost, and the same key comes again
        (LATER, A, None),
    ],
)
def test_an_invitation_serves_one_key_once(
    now: datetime, used_by: bytes | None, reason: Denial | None
) -> None:
    assert why_not(now=now, expires=LATER, used_by=used_by, identity=A) is reason


@pytest.mark.parametrize("denial", Denial)
def test_every_denial_is_a_sentence_with_a_way_out(denial: Denial) -> None:
    error = InvitationError(denial, "detail")
    assert str(error).endswith(": detail")
    assert error.fix
    assert str(denial).startswith("invitation-")
