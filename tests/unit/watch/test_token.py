"""Resume tokens: what goes in comes out, and nothing else is one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain.errors import InvalidFieldsError, OutOfRangeError, Reason
from outdial_server.domain.ids import BatchId
from outdial_server.watch.token import read_token, write_token

batch_ids = st.uuids().map(lambda uuid: BatchId(str(uuid)))
sequences = st.integers(0, 2**63)


@given(batch_ids, sequences)
def test_a_token_gives_back_its_sequence(batch_id: BatchId, sequence: int) -> None:
    token = write_token(batch_id, sequence)
    assert read_token(token, batch_id, newest_sequence=sequence) == sequence
    assert token.replace("-", "").replace("_", "").isalnum()


@given(batch_ids, batch_ids, sequences)
def test_a_token_of_another_batch_is_refused(one: BatchId, other: BatchId, sequence: int) -> None:
    if one != other:
        with pytest.raises(InvalidFieldsError) as refused:
            read_token(write_token(one, sequence), other, sequence)
        assert refused.value.reason is Reason.RESUME_TOKEN_INVALID
        assert refused.value.violations[0].field == "resume_token"


@given(batch_ids, st.one_of(st.text(), st.text(st.sampled_from("AQz09-_="), max_size=40)))
def test_what_is_no_token_is_refused(batch_id: BatchId, text: str) -> None:
    with pytest.raises(InvalidFieldsError) as refused:
        read_token(text, batch_id, newest_sequence=10)
    assert refused.value.reason is Reason.RESUME_TOKEN_INVALID


@given(batch_ids, sequences, st.data())
def test_a_cut_or_lengthened_token_is_refused(
    batch_id: BatchId, sequence: int, data: st.DataObject
) -> None:
    token = write_token(batch_id, sequence)
    cut = token[: data.draw(st.integers(0, len(token) - 1))]
    for wrong in (cut, token + "A", token + "==", token + "\n", "." + token):
        with pytest.raises(InvalidFieldsError):
            read_token(wrong, batch_id, sequence)


@given(batch_ids, st.integers(0, 1000), st.integers(1, 1000))
def test_a_token_ahead_of_the_log_asks_to_start_again(
    batch_id: BatchId, newest: int, ahead: int
) -> None:
    with pytest.raises(OutOfRangeError) as refused:
        read_token(write_token(batch_id, newest + ahead), batch_id, newest)
    assert refused.value.reason is Reason.EVENTS_ERASED
    assert refused.value.metadata == {"newest_sequence": str(newest)}
