"""How bytes are bent: a little, so that they get far, or with what readers trip over."""

from collections.abc import Sequence

from hypothesis import strategies as st

TRAPS = (
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b'"\\ud800"',
    b"NaN",
    b"1e400",
    b"-1",
    b"4294967296",
    b"18446744073709551616",
    b"9" * 5000,
    b"[" * 5000,
    b'{"a":' * 2000,
    b"true",
    b"null",
    b"{}",
    b'""',
    b"../../etc/passwd",
    b"a." * 1000,
    b"=cmd|'/c'!A0",
    b'"',
    b"\r",
    b"\n" * 300,
    b" ",
    b"\xf0\x9f\x92\xa9",
    b"e\xcc\x81",
    b"\x0a\x02\x08\x01" * 50,
    b"\xff" * 12,
    b"\x1b[2J",
)
"""Numbers too large, nesting too deep, half characters, paths, formulas, orders to a terminal."""


@st.composite
def bent(draw: st.DrawFn, samples: Sequence[bytes]) -> bytes:
    """Draw bytes: noise, or a sample to which up to five things were done."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=200))
    raw = draw(st.sampled_from(samples))
    for _ in range(draw(st.integers(1, 5))):
        raw = draw(_change(raw, samples))
    return raw


def _change(raw: bytes, samples: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    at = st.integers(0, len(raw))
    ends = st.tuples(at, at).map(sorted)
    return st.one_of(
        st.builds(lambda k, new: raw[:k] + bytes([new]) + raw[k + 1 :], at, st.integers(0, 255)),
        st.builds(lambda k, trap: raw[:k] + trap + raw[k:], at, st.sampled_from(TRAPS)),
        ends.map(lambda cut: raw[: cut[0]] + raw[cut[1] :]),
        ends.map(lambda twice: raw[: twice[1]] + raw[twice[0] : twice[1]] + raw[twice[1] :]),
        st.builds(
            lambda cut, trap: raw[: cut[0]] + trap + raw[cut[1] :], ends, st.sampled_from(TRAPS)
        ),
        st.builds(lambda k, other: raw[:k] + other[k:], at, st.sampled_from(samples)),
        at.map(lambda k: raw[:k]),
    )
