"""Phone numbers and SIP URIs as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain.address import AddressError, clean_phone_number, parse_address
from outdial_server.domain.limits import SIP_URI_MAX_CHARS

DIGITS = "0123456789"
E164 = st.from_regex(r"\+[1-9][0-9]{1,14}", fullmatch=True)
SEPARATORS = st.text(" -.()\t\u00a0", max_size=3)
TEXTS = st.text(max_size=40) | st.text("+0123456789 -()sip:@.<>\r\n", max_size=40)


@given(E164, st.data())
def test_separators_make_no_difference(number: str, data: st.DataObject) -> None:
    written = "".join(char + data.draw(SEPARATORS) for char in number)
    assert parse_address(written) == (number, number)


@given(TEXTS)
def test_whatever_is_taken_is_in_normal_form_and_safe_to_write_in_a_header(text: str) -> None:
    try:
        address, normal = parse_address(text)
    except AddressError:
        return
    assert parse_address(address) == (address, normal)
    assert parse_address(normal) == (normal, normal)
    assert not any(char.isspace() for char in address)
    if not normal.startswith(("sip:", "sips:")):
        assert normal[0] == "+"
        assert set(normal[1:]) <= set(DIGITS)
        assert 3 <= len(normal) <= 16


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is required"),
        ("  ", "is required"),
        ("5551230001", "country code"),
        ("(555) 123-0001", "country code"),
        ("+05551230001", "E.164"),
        ("+1", "E.164"),
        ("+1234567890123456", "E.164"),
        ("+1555123000x", "E.164"),
        ("++15551230001", "E.164"),
        ("+١٥٥٥١٢٣٠٠٠١", "E.164"),
        ("call me", "E.164"),
        ("sip:", "SIP URI"),
        ("sip:ann", "SIP URI"),
        ("sip:ann@", "SIP URI"),
        ("sip:@example.net", "SIP URI"),
        ("sip:ann@exa mple.net", "SIP URI"),
        ("sip:ann@example.net\r\nX-Evil: 1", "SIP URI"),
        ("sip:ann@example.net>", "SIP URI"),
        ("sip:ann@" + "a" * SIP_URI_MAX_CHARS, "SIP URI"),
    ],
)
def test_what_cannot_be_dialled_is_refused_with_a_reason(text: str, says: str) -> None:
    with pytest.raises(AddressError, match=says):
        parse_address(text)


def test_a_sip_uri_keeps_its_form_and_is_compared_without_the_case_of_its_host() -> None:
    given_uri = "SIPS:Ann.Lee@Trunk.Example.NET"
    assert parse_address(f" {given_uri} ") == (given_uri, "sips:Ann.Lee@trunk.example.net")


def test_a_caller_id_is_a_phone_number() -> None:
    assert clean_phone_number("+1 (555) 123-0001") == "+15551230001"
    with pytest.raises(AddressError):
        clean_phone_number("sip:ann@example.net")
