"""Pages, request ids and etags."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain.errors import ConflictError, InvalidFieldsError, Reason
from outdial_server.domain.etag import check_etag, etag_of
from outdial_server.domain.limits import PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX, REQUEST_ID_MAX_CHARS
from outdial_server.domain.paging import page_request
from outdial_server.domain.request import request_key
from support.domain import ACCOUNT


@given(st.integers(0, 2**31), st.text())
def test_a_page_has_a_size_from_one_to_the_most(size: int, token: str) -> None:
    page = page_request(size, token)
    assert page.token == token
    assert page.size == (min(size, PAGE_SIZE_MAX) if size else PAGE_SIZE_DEFAULT)


def test_a_page_of_negative_size_is_refused() -> None:
    with pytest.raises(InvalidFieldsError, match="page_size: must not be negative"):
        page_request(-1, "")


@given(st.binary())
def test_a_request_without_an_id_has_no_key(content: bytes) -> None:
    assert request_key(ACCOUNT, "CreateBatch", "", content) is None


@given(
    st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=REQUEST_ID_MAX_CHARS),
    st.binary(max_size=8),
    st.binary(max_size=8),
)
def test_one_id_with_other_content_has_another_fingerprint(
    request_id: str, content: bytes, other: bytes
) -> None:
    key = request_key(ACCOUNT, "CreateBatch", request_id, content)
    again = request_key(ACCOUNT, "CreateBatch", request_id, other)
    assert key is not None
    assert again is not None
    assert (key == again) == (content == other)


def test_one_id_serves_different_methods() -> None:
    one = request_key(ACCOUNT, "CreateBatch", "1", b"x")
    assert one != request_key(ACCOUNT, "CreateAgent", "1", b"x")


def test_a_request_id_with_a_nul_character_is_refused() -> None:
    with pytest.raises(InvalidFieldsError, match="request_id: must not contain NUL"):
        request_key(ACCOUNT, "CreateBatch", "a\0b", b"")


def test_a_request_id_is_bounded() -> None:
    assert request_key(ACCOUNT, "CreateBatch", "x" * REQUEST_ID_MAX_CHARS, b"") is not None
    with pytest.raises(InvalidFieldsError, match="request_id"):
        request_key(ACCOUNT, "CreateBatch", "x" * (REQUEST_ID_MAX_CHARS + 1), b"")


@given(st.integers(0), st.integers(0))
def test_an_etag_fits_its_own_revision_alone(revision: int, other: int) -> None:
    check_etag("", revision)
    check_etag(etag_of(revision), revision)
    if other != revision:
        with pytest.raises(ConflictError) as refused:
            check_etag(etag_of(other), revision)
        assert refused.value.reason is Reason.ETAG_MISMATCH
        assert refused.value.metadata["etag"] == etag_of(revision)
