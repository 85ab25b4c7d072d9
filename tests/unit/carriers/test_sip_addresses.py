"""Whom a SIP call goes to and whom it says it comes from; the little that is known of SDP."""

import pytest

from outdial_server.carriers.sip.account import SipAccount
from outdial_server.carriers.sip.addresses import (
    Caller,
    Destination,
    HostAndPort,
    SipAddressError,
    caller_of,
    destination_of,
    parse_hop,
    parse_uri,
)
from outdial_server.carriers.sip.sdp import has_media, held_answer, offer_after_held

DIRECT = SipAccount()
TRUNK = SipAccount(proxy="trunk.example.net:5070", username="u1", password="p1")
HOP = HostAndPort("trunk.example.net", 5070)


@pytest.mark.parametrize(
    ("address", "account", "uri", "hop"),
    [
        ("+15551230001", TRUNK, "sip:+15551230001@trunk.example.net:5070", HOP),
        ("sip:ann@example.org", TRUNK, "sip:ann@example.org", HOP),
        ("sip:ann@example.org", DIRECT, "sip:ann@example.org", HostAndPort("example.org")),
        ("SIP:Ann@Example.org:5080", DIRECT, "sip:Ann@Example.org:5080", None),
        ("sip:+1555;ext=1@example.org;user=phone", DIRECT, None, HostAndPort("example.org")),
        ("sip:a@example.org:5060;transport=udp", DIRECT, "sip:a@example.org:5060", None),
        ("sip:10.1.2.3", DIRECT, "sip:10.1.2.3", HostAndPort("10.1.2.3")),
    ],
)
def test_numbers_go_over_the_trunk_and_addresses_where_they_say_unless_there_is_one(
    address: str, account: SipAccount, uri: str | None, hop: HostAndPort | None
) -> None:
    found = destination_of(address, account)
    assert found.uri == (uri or address)
    assert hop is None or found.hop == hop


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("+15551230001", "SIP_URI_REQUIRED"),
        ("sips:ann@example.org", "SIP_OVER_UDP_ONLY"),
        ("sip:ann@example.org:5060;transport=tcp", "SIP_OVER_UDP_ONLY"),
        ("sip:ann@example.org;transport=tls", "SIP_OVER_UDP_ONLY"),
        ("sip:ann@example.org;transport=udpx", "SIP_OVER_UDP_ONLY"),
        ("sip:ann@example.org:0", "INVALID_PORT"),
        ("sip:ann@example.org:65536", "INVALID_PORT"),
        ("sip:ann:secret@example.org", "INVALID_SIP_URI"),
        ("sip:ann@[2001:db8::1]", "INVALID_SIP_URI"),
        ("sip:ann@example.org?Route=evil", "INVALID_SIP_URI"),
        ("sip:ann@exa mple.org", "INVALID_SIP_URI"),
        ("sip:a@b\r\nX: 1", "INVALID_SIP_URI"),
        ("tel:+1555", "INVALID_SIP_URI"),
    ],
)
def test_what_cannot_be_called_says_why(address: str, reason: str) -> None:
    with pytest.raises(SipAddressError, match=f"^{reason}$"):
        destination_of(address, DIRECT)


@pytest.mark.parametrize(
    "text", ["", "a b", "-a.example", "host:", "host:0", "host:99999", "[::1]"]
)
def test_a_trunk_is_a_host_and_maybe_a_port(text: str) -> None:
    with pytest.raises(SipAddressError):
        parse_hop(text)


def test_the_way_of_a_uri_is_its_host() -> None:
    assert parse_uri("sip:a@h:1") == Destination("sip:a@h:1", HostAndPort("h", 1))


@pytest.mark.parametrize(
    ("caller_id", "account", "caller"),
    [
        ("+15550001111", TRUNK, Caller("+15550001111", "trunk.example.net")),
        ("", TRUNK, Caller("u1", "trunk.example.net")),
        ("", DIRECT, Caller("anonymous", "trunk.example.net")),
        ("sip:desk@office.example", TRUNK, Caller("desk", "office.example")),
        ("Front Desk", TRUNK, Caller("u1", "trunk.example.net", "Front Desk")),
        (
            '"><sip:evil>\r\nX: 1',
            DIRECT,
            Caller("anonymous", "trunk.example.net", "><sip:evil>X: 1"),
        ),
        ("+1555", SipAccount(from_domain="our.example"), Caller("+1555", "our.example")),
    ],
)
def test_a_caller_is_a_number_an_address_or_a_name(
    caller_id: str, account: SipAccount, caller: Caller
) -> None:
    assert caller_of(caller_id, account, HOP) == caller


OFFER = (
    "v=0\r\no=phone 77 3 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\n"
    "m=audio 4000 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\nm=video 4002 RTP/AVP 96\r\n"
)


def test_a_held_answer_takes_the_audio_and_lets_nothing_flow() -> None:
    assert held_answer(OFFER) == (
        "v=0\r\no=outdial 1 1 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
        "m=audio 9 RTP/AVP 0 8\r\na=inactive\r\nm=video 0 RTP/AVP 96\r\n"
    )


def test_what_follows_a_held_answer_is_of_the_same_session() -> None:
    after = offer_after_held(OFFER)
    assert after == OFFER.replace("o=phone 77 3 IN IP4 10.0.0.9", "o=outdial 1 2 IN IP4 0.0.0.0")


def test_without_a_media_line_there_is_nothing_to_connect() -> None:
    assert has_media(OFFER)
    assert not has_media("v=0\r\ns=-\r\n")
    assert not has_media("")
