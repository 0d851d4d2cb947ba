"""Which addresses are public: the forms of IPv4 and IPv6, and every address of the private networks."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.addresses import is_public

PRIVATE = [
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4",
]  # fmt: skip


@pytest.mark.parametrize(
    "place",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.100.100.200",
     "168.63.129.16", "192.0.0.192", "0.0.0.0", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "::1", "::",
     "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1",
     "2002:7f00:1::", "2002:a00:1::", "64:ff9b::7f00:1", "64:ff9b:1::1", "64:ff9b::808:808", "2001:0:1::",
     "2001:db8::1", "3fff::1", "5f00::1", "100::1", "fe80::1%eth0", "2606:4700::1%eth0"],
)  # fmt: skip
def test_places_that_are_not_public(place: str) -> None:
    assert not is_public(place)


@pytest.mark.parametrize("place", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2400:3200::1", "2002:808:808::1"])
def test_places_that_are(place: str) -> None:
    assert is_public(place)


@given(st.sampled_from(PRIVATE).map(ipaddress.IPv4Network).flatmap(lambda net: st.ip_addresses(v=4, network=net)))
def test_no_private_address_in_any_clothes(place: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    number = int(place)
    assert not is_public(str(place))
    for prefix in ("::ffff:0:0", "::", "64:ff9b::"):
        assert not is_public(str(ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) | number)))
    assert not is_public(str(ipaddress.IPv6Address((0x2002 << 112) | (number << 80))))


@given(st.ip_addresses(v=6))
def test_ipv6_is_public_only_where_hosts_of_the_internet_are(
    place: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    assert not is_public(str(place)) or int(place) >> 125 == 1


def test_what_is_no_address() -> None:
    with pytest.raises(ValueError, match="example"):
        is_public("example.com")
