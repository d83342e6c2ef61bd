"""Whatever is cut into chunks comes together again, and nothing that is too much is held."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.wire import federation_pb2 as pb
from protocol.wire.encoding import MessageError
from protocol.wire.frames import CHUNK_BYTES, FRAME_BYTES, Assembler, chunks

SIZE = 4


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=5), st.integers(1, 9))
@settings(max_examples=50)
def test_messages_come_together(messages: list[bytes], size: int) -> None:
    assembler = Assembler(40, size=size)
    got = [
        done
        for number, message in enumerate(messages)
        for chunk in chunks(number, message, size)
        if (done := assembler.add(chunk))
    ]
    assert got == list(enumerate(messages))
    assert not assembler.unfinished


@given(st.data())
@settings(max_examples=50)
def test_messages_may_be_mixed_as_far_as_that_is_allowed(data: st.DataObject) -> None:
    messages = [b"first message", b"second", b"the third one"]
    queues = [list(chunks(n, message, SIZE)) for n, message in enumerate(messages)]
    assembler = Assembler(40, at_once=3, size=SIZE)
    got = {}
    while left := [queue for queue in queues if queue]:
        if done := assembler.add(data.draw(st.sampled_from(left)).pop(0)):
            got[done[0]] = done[1]
    assert got == dict(enumerate(messages))


def test_a_full_chunk_fits_into_a_frame() -> None:
    largest = pb.Chunk(message=2**64 - 1, total=2**64 - 1, data=bytes(CHUNK_BYTES))
    assert len(pb.FromSite(chunk=largest).SerializeToString()) <= FRAME_BYTES


def test_a_message_too_large_is_refused_by_its_announcement() -> None:
    assembler = Assembler(10)
    with pytest.raises(MessageError, match=r"11 bytes is announced; between 1 and 10"):
        assembler.add(pb.Chunk(message=1, total=11, data=b"x"))
    assert not assembler.unfinished


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (pb.Chunk(message=1, total=9, data=b"more"), "changes its size"),
        (pb.Chunk(message=1, total=10, data=b""), "not cut"),
        (pb.Chunk(message=1, total=10, data=b"few"), "not cut"),
        (pb.Chunk(message=1, total=10, data=b"too many"), "not cut"),
        (pb.Chunk(message=2, total=10, data=b"more"), "more than 1 messages"),
    ],
)
def test_chunks_that_nobody_would_cut(bad: pb.Chunk, words: str) -> None:
    assembler = Assembler(10, size=SIZE)
    assert assembler.add(pb.Chunk(message=1, total=10, data=b"some")) is None
    with pytest.raises(MessageError, match=words):
        assembler.add(bad)


def test_an_empty_message_is_nobodys() -> None:
    with pytest.raises(MessageError, match="0 bytes"):
        Assembler(10).add(pb.Chunk(message=1))
    with pytest.raises(ValueError, match="empty"):
        list(chunks(1, b""))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 50), st.binary(max_size=9))))
@settings(max_examples=100)
def test_no_sequence_of_chunks_holds_more_than_the_limit(
    said: list[tuple[int, int, bytes]],
) -> None:
    assembler = Assembler(40, at_once=2, size=8)
    for number, total, data in said:
        try:
            done = assembler.add(pb.Chunk(message=number, total=total, data=data))
        except MessageError:
            continue
        assert done is None or len(done[1]) == total <= 40
