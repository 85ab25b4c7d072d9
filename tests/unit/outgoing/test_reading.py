"""Answers, read from bytes in whatever pieces they come."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_server.outgoing.answer import ANSWER_MOST_BYTES, Answer
from outdial_server.outgoing.reading import HEAD_MOST_BYTES, AnswerReader, UnreadableError

PLAIN = b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\nX-One: 1\r\nx-one: 2\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 201 Created\r\nX-One: 1\r\ntransfer-encoding: Chunked\r\n\r\n"
    b"2;name=value\r\nhe\r\n3\r\nllo\r\n0\r\nx-trailer: end\r\n\r\n"
)
EMPTY = b"HTTP/1.1 204 No Content\r\nX-One: 1\r\n\r\n"
CONTINUED = b"HTTP/1.1 100 Continue\r\nx-one: 0\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
UNTIL_THE_END = b"HTTP/1.1 200 OK\r\nx-one: 1\r\n\r\nhello"

WHOLE = [
    (PLAIN, 201, b"hello"),
    (CHUNKED, 201, b"hello"),
    (EMPTY, 204, b""),
    (CONTINUED + PLAIN, 201, b"hello"),
    (CONTINUED + CONTINUED + CHUNKED, 201, b"hello"),
]


def in_pieces(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    return [data[start:end] for start, end in pairwise(places)]


def read(pieces: Sequence[bytes]) -> tuple[Answer | None, AnswerReader]:
    reader = AnswerReader()
    answers = [reader.feed(piece) for piece in pieces]
    assert not any(answers[:-1]), "it was taken for whole before its end"
    return answers[-1], reader


@given(st.sampled_from(WHOLE), st.sets(st.integers(1, 300)))
def test_an_answer_is_the_same_in_any_pieces(
    told: tuple[bytes, int, bytes], cuts: set[int]
) -> None:
    data, status, body = told
    answer, reader = read(in_pieces(data, cuts))
    assert answer is not None
    assert (answer.status, answer.body, answer.headers["x-one"]) == (status, body, "1")
    assert reader.leaves_it_clean


@given(st.sampled_from(WHOLE), st.data())
def test_a_part_of_an_answer_is_none(told: tuple[bytes, int, bytes], data: st.DataObject) -> None:
    cut = told[0][: data.draw(st.integers(1, len(told[0]) - 1))]
    answer, reader = read([cut])
    assert answer is None
    assert reader.end() is None


@given(st.integers(1, len(UNTIL_THE_END)))
def test_an_answer_without_a_length_ends_with_its_connection(cut: int) -> None:
    head_bytes = UNTIL_THE_END.index(b"hello")
    answer, reader = read([UNTIL_THE_END[:cut]])
    assert answer is None
    ended = reader.end()
    assert (ended is None) == (cut < head_bytes)
    assert ended is None or ended.body == UNTIL_THE_END[head_bytes:cut]


@pytest.mark.parametrize(
    "data",
    [
        PLAIN.replace(b"X-One: 1", b"connection: close"),
        PLAIN.replace(b"1.1", b"1.0"),
        PLAIN + b"H",
        PLAIN + PLAIN,
        PLAIN + b"\x00 no answer at all",
        CONTINUED + PLAIN + CONTINUED,
    ],
)
def test_after_some_answers_no_other_request_follows(data: bytes) -> None:
    answer, reader = read([data])
    assert answer is not None
    assert (answer.status, answer.body) == (201, b"hello")
    assert not reader.leaves_it_clean


@pytest.mark.parametrize(
    "data",
    [
        b"220 mail.example.net ESMTP\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        PLAIN.replace(b"Content-Length: 5", b"content-length: 5\r\ncontent-length: 6"),
        PLAIN.replace(b"Content-Length: 5", b"content-length: -5"),
        PLAIN.replace(b"Content-Length: 5", b"content-length: 5\r\ntransfer-encoding: chunked"),
        CHUNKED.replace(b"3\r\nllo", b"zz\r\nllo"),
        b"HTTP/1.1 200 OK\r\nx: " + b"x" * HEAD_MOST_BYTES,
        CONTINUED * (HEAD_MOST_BYTES // len(CONTINUED) + 1),
    ],
)
def test_what_is_no_answer_is_unreadable(data: bytes) -> None:
    with pytest.raises(UnreadableError):
        read([data])


def test_of_a_long_body_the_beginning_is_an_answer() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n"
    answer, reader = read([head, b"x" * (ANSWER_MOST_BYTES - 1), b"yz"])
    assert answer is not None
    assert answer.body == b"x" * (ANSWER_MOST_BYTES - 1) + b"y"
    assert not reader.leaves_it_clean


def test_what_comes_behind_a_body_is_no_header_and_has_an_end() -> None:
    trailers = b"retry-after: 9\r\n" * 1_000
    beginning = CHUNKED.replace(b"0\r\nx-trailer: end\r\n\r\n", b"0\r\n")
    reader = AnswerReader()
    assert reader.feed(beginning) is None
    sent = 0
    while (answer := reader.feed(trailers)) is None:
        sent += len(trailers)
        assert sent < 8 * ANSWER_MOST_BYTES
    assert answer == Answer(201, {"x-one": "1", "transfer-encoding": "Chunked"}, b"hello")
    assert not reader.leaves_it_clean


def test_one_answer_leaves_nothing_for_the_next() -> None:
    _, reader = read([CONTINUED + PLAIN])
    reader.begin()
    assert reader.feed(EMPTY) == Answer(204, {"x-one": "1"}, b"")
