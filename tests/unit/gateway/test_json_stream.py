"""Objects with one long list, read as they come."""

import itertools
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain.errors import InvalidFieldsError
from outdial_server.gateway.json_stream import LongList, read_object

TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)


async def read(*chunks: bytes) -> tuple[dict[str, Any], list[Any]]:
    taken: list[Any] = []

    async def come() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    def take(index: int, entry: object) -> None:
        assert index == len(taken)
        taken.append(entry)

    return await read_object(come(), "calls", take), taken


def is_finite(value: Any) -> bool:
    return orjson.loads(orjson.dumps(value)) == value


@given(
    st.dictionaries(TEXTS, VALUES, max_size=4),
    st.lists(VALUES, max_size=6),
    st.lists(st.integers(0, 400), max_size=4),
    st.booleans(),
)
async def test_what_is_read_in_pieces_is_what_is_read_at_once(
    head: dict[str, Any], calls: list[Any], cuts: list[int], comes_first: bool
) -> None:
    head.pop("calls", None)
    whole = {"calls": calls, **head} if comes_first else {**head, "calls": calls}
    if not is_finite(whole):
        return
    data = orjson.dumps(whole)
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    found, taken = await read(*(data[a:b] for a, b in itertools.pairwise(places)))
    stands_for = found.pop("calls")
    assert isinstance(stands_for, LongList)
    assert (found, taken, stands_for.count) == (head, calls, len(calls))


async def test_the_list_is_only_that_of_the_object_itself() -> None:
    found, taken = await read(b'{"batch": {"calls": [1]}, "rows": [{"calls": [2]}]}')
    assert found == {"batch": {"calls": [1]}, "rows": [{"calls": [2]}]}
    assert taken == []


@pytest.mark.parametrize("value", [None, "many", {"to": "+1"}, 7])
async def test_what_is_no_list_is_left_for_the_reader_to_refuse(value: object) -> None:
    found, taken = await read(orjson.dumps({"calls": value}))
    assert (found, taken) == ({"calls": value}, [])


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        (b"", "body", "is no JSON: parse error: premature EOF"),
        (b'{"calls": [1, 2', "body", "is no JSON at calls[2]: parse error: premature EOF"),
        (b'{"calls": [{}, {"to": tru}]}', "body", "is no JSON at calls[1].to: lexical error"),
        (
            b'{"calls": [{}, {"a": [{"b": 123456789012345678901}]}]}',
            "body",
            "has a number that is too large at calls[1].a[0].b: send it as a text",
        ),
        (b'{"a": {"b": 1e400}}', "body", "has a number that is too large at a.b: send it"),
        (b'{"calls": [1, 2]} {}', "body", "is no JSON"),
        (b"{'calls': []}", "body", "is no JSON"),
        (b'{"calls": [NaN]}', "body", "is no JSON"),
        (b'{"note": "\xff"}', "body", "is no JSON"),
        (b"[1]", "body", "must be an object"),
        (b"null", "body", "must be an object"),
        (b'{"calls": [], "calls": []}', "calls", "is said twice"),
        (b'{"a": ' + b"[" * 100 + b"]" * 100 + b"}", "body", "is nested deeper than 60 levels"),
    ],
)
async def test_what_cannot_be_read_is_refused(body: bytes, field: str, words: str) -> None:
    with pytest.raises(InvalidFieldsError) as refused:
        await read(body)
    (violation,) = refused.value.violations
    assert violation.field == field
    assert words in violation.description


async def test_half_of_a_surrogate_pair_becomes_a_text_that_can_be_sent() -> None:
    found, _ = await read(b'{"name": "a\\ud800b"}')
    assert found["name"].encode()
