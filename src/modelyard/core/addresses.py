"""Classifies IP addresses: public ones, which the server may connect to for any caller's URL, and this machine's own."""

from __future__ import annotations

import ipaddress
import socket

GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
"""All other IPv6 addresses are loopback, local, mapped, translated (NAT64), multicast or unassigned."""
TUNNELS = ipaddress.IPv6Network("2002::/16")
"""6to4 addresses, which contain an IPv4 address."""
PUBLIC_BY_FORM_ONLY = tuple(
    ipaddress.ip_network(each)
    for each in (
        "0.0.0.0/8",
        "100.64.0.0/10",  # carriers' NAT; Alibaba's metadata at 100.100.100.200
        "168.63.129.16/32",  # Azure's host, seen from its guests
        "192.0.0.0/24",  # protocol assignments; Oracle's metadata at 192.0.0.192
        "192.88.99.0/24",
        "2001::/23",  # Teredo and other protocol assignments
        "2001:db8::/32",
        "3fff::/20",
    )
)
"""Networks that some versions of `ipaddress` classify as global, or that clouds use internally."""


def is_public(place: str) -> bool:
    """Whether an IP address is reachable from everywhere, and does not belong to this machine, its network or its cloud.

    Raises `ValueError` for text that is not an address.
    """
    address = ipaddress.ip_address(place)
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id or address not in GLOBAL_UNICAST:
            return False
        within = address.sixtofour if address in TUNNELS else None
        if within is not None and not is_public(str(within)):
            return False
    if any(address.version == each.version and address in each for each in PUBLIC_BY_FORM_ONLY):
        return False
    return address.is_global and not (
        address.is_multicast
        or address.is_reserved
        or address.is_unspecified
        or address.is_loopback
        or address.is_link_local
    )


def is_own(place: str) -> bool:
    """Whether an IP address belongs to this machine, public ones included.

    A datagram socket connected to one of the machine's own addresses has that address as its source. Nothing is sent.
    """
    family = socket.AF_INET6 if ":" in place else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((place, 9))
        except OSError:
            return False  # there is no route to it
        return bool(ipaddress.ip_address(probe.getsockname()[0]) == ipaddress.ip_address(place))
