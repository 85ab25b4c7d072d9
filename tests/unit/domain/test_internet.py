"""Which addresses are public, against the standard library's own opinion."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain.internet import AddressGuard, is_public, parse_networks

NOBODY = AddressGuard()


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.7",
        "203.0.113.9",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0:127.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "localhost",
        "",
    ],
)
def test_what_is_special_is_not_permitted(address: str) -> None:
    assert not NOBODY.permits(address)


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "8.8.8.8", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"],
)
def test_what_is_public_is(address: str) -> None:
    assert NOBODY.permits(address)


@given(st.integers(0, 2**32 - 1).map(IPv4Address))
def test_nothing_that_the_standard_library_calls_special_is_public(address: IPv4Address) -> None:
    special = address.is_private or address.is_loopback or address.is_link_local
    assert not (is_public(address) and (special or address.is_multicast or address.is_reserved))


@given(st.integers(0, 2**128 - 1).map(IPv6Address))
def test_no_ipv6_address_that_it_calls_special_is_public(address: IPv6Address) -> None:
    special = address.is_private or address.is_loopback or address.is_link_local
    assert not (is_public(address) and (special or address.is_multicast or address.is_reserved))


@given(st.integers(0, 2**32 - 1).map(IPv4Address))
def test_an_address_inside_another_is_what_counts(address: IPv4Address) -> None:
    for around in (f"::ffff:{address}", f"64:ff9b::{address}"):
        assert NOBODY.permits(around) == NOBODY.permits(str(address))


def test_the_operator_opens_networks() -> None:
    guard = AddressGuard(parse_networks(["10.1.0.0/16", " fd00::/8 ", "", "127.0.0.1"]))
    for open_now in ("10.1.2.3", "::ffff:10.1.2.3", "fd00::1", "127.0.0.1", "8.8.8.8"):
        assert guard.permits(open_now)
    for closed in ("10.2.0.1", "127.0.0.2", "fc00::1"):
        assert not guard.permits(closed)


def test_what_is_allowed_by_its_address_may_go_without_tls() -> None:
    guard = AddressGuard(parse_networks(["10.1.0.0/16", "::1"]))
    for allowed in ("10.1.2.3", "::ffff:10.1.2.3", "::1"):
        assert guard.allows_plainly(allowed)
    for other in ("8.8.8.8", "10.2.0.1", "localhost", ""):
        assert not guard.allows_plainly(other)


def test_what_is_no_network_is_named() -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0\.1/8"):
        parse_networks(["10.0.0.1/8"])
