"""Which addresses webhooks may go to: none inside the network of the service, unless the settings allow it.

An address is checked when an endpoint is stored, for a clear error, and again for every connection: see transport.py.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence

import httpx2

from ..errors import InvalidWebhook
from ..settings import Settings

_MAX_URL = 2000
_HOST = re.compile(r"[\w.:-]+", re.ASCII)
_PORTS = {"https": frozenset({443, 8443}), "http": frozenset({80, 8080})}
_DEFAULT_PORTS = {"https": 443, "http": 80}
_LOCAL_NAMES = ("localhost", "local", "internal", "home.arpa", "localdomain")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# What the standard library counts as global or private although it leads inside.
_NEVER = [
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "168.63.129.16/32",  # metadata of Azure
        "169.254.0.0/16",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "224.0.0.0/3",
        "::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
        "5f00::/16",
        "fd00:ec2::/32",  # metadata of AWS
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
]
_LOOPBACK = ipaddress.ip_address("::1")
_PRIVATE = [
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
]
# Metadata of Alibaba, within what carriers use.
_METADATA = ipaddress.ip_address("100.100.100.200")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def check_url(text: str, settings: Settings) -> str:
    """Returns the address of a webhook as it is stored. Raises InvalidWebhook for one that it must not have."""
    if len(text) > _MAX_URL:
        raise InvalidWebhook(f"The URL has more than {_MAX_URL} characters: use a shorter one.")
    try:
        url = httpx2.URL(text)
    except httpx2.InvalidURL:
        raise InvalidWebhook("The URL cannot be read: write one such as https://example.com/hooks.") from None
    check_parts(url, settings)
    if settings.webhook_allow_private:
        return str(url)
    host = url.host.rstrip(".").lower()
    if any(host == name or host.endswith(f".{name}") for name in _LOCAL_NAMES):
        raise InvalidWebhook(f"'{host[:64]}' is a name inside a network: use one that is public.")
    if (address := _read_address(host)) is not None and not is_allowed(address, settings):
        raise InvalidWebhook(f"The address {address} is not public: use one that is.")
    return str(url)


def check_parts(url: httpx2.URL, settings: Settings) -> None:
    """Raises InvalidWebhook for a URL whose scheme, host, port or other parts a webhook must not have."""
    if url.scheme not in _PORTS:
        raise InvalidWebhook(f"The URL begins with '{url.scheme[:16]}:': use https.")
    if url.scheme == "http" and settings.environment == "production":
        raise InvalidWebhook("The URL begins with 'http:', and everybody on the way could read it: use https.")
    if not url.host or not _HOST.fullmatch(url.raw_host.decode()):
        raise InvalidWebhook("The URL names no host that can be: write one such as https://example.com/hooks.")
    if url.userinfo or url.fragment:
        raise InvalidWebhook(
            "The URL has a user, a password or a part after '#': leave it out, the signature is proof."
        )
    port = url.port or _DEFAULT_PORTS[url.scheme]
    if not settings.webhook_allow_private and port not in _PORTS[url.scheme]:
        allowed = " and ".join(map(str, sorted(_PORTS[url.scheme])))
        raise InvalidWebhook(f"Webhooks by {url.scheme} go to the ports {allowed}, not to {port}: use one of these.")


def is_allowed(address: Address, settings: Settings) -> bool:
    """Returns whether a connection to an address may be made."""
    embedded = _read_embedded(address)
    if embedded is not None:
        return is_allowed(embedded, settings)
    is_private = address == _LOOPBACK or any(address in network for network in _PRIVATE)
    if address == _METADATA:
        return False
    if address != _LOOPBACK and any(address in network for network in _NEVER):
        return False
    if is_private:
        return settings.webhook_allow_private
    return address.is_global and not address.is_multicast


def parse_addresses(texts: Sequence[str]) -> list[Address]:
    """Returns the addresses that a name was resolved to; the zone of an IPv6 address is left out."""
    return [ipaddress.ip_address(text.partition("%")[0]) for text in texts]


def _read_embedded(address: Address) -> Address | None:
    """Returns the IPv4 address that an IPv6 address leads to."""
    if not isinstance(address, ipaddress.IPv6Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None


def _read_address(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None
