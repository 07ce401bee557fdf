"""Where the service is, whose key is sent, and how patient the client is."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx2

from .errors import NotConfigured

KEY_VARIABLE = "VIVA_KEY"
URL_VARIABLE = "VIVA_URL"
DEFAULT_URL = "http://127.0.0.1:8000"


@dataclass(frozen=True, kw_only=True)
class ClientSettings:
    """The settings of a client.

    `patience_seconds` is how long one request is tried again in all, or a stream is resumed without anything new.
    `connect_seconds` and `read_seconds` bound one try; a long poll may take its `wait` longer.
    """

    url: str
    key: str
    patience_seconds: float = 60.0
    connect_seconds: float = 5.0
    read_seconds: float = 30.0

    def __repr__(self) -> str:
        # Keys stand in no log.
        return f"ClientSettings(url={self.url!r}, patience_seconds={self.patience_seconds})"

    def timeout(self, *, wait_seconds: float = 0.0) -> httpx2.Timeout:
        """Returns the bounds of one try; reading may take `wait_seconds` longer."""
        return httpx2.Timeout(self.read_seconds, connect=self.connect_seconds, read=self.read_seconds + wait_seconds)


def read_settings(url: str | None, key: str | None, **patience: float) -> ClientSettings:
    """Returns settings from arguments, else from VIVA_URL and VIVA_KEY. Raises NotConfigured.

    Without any address it is the one that 'viva serve' has by default.
    """
    address = (url or os.environ.get(URL_VARIABLE) or DEFAULT_URL).rstrip("/")
    secret = (key or os.environ.get(KEY_VARIABLE) or "").strip()
    if not secret:
        raise NotConfigured(f"There is no key: give one as key, or set {KEY_VARIABLE}.")
    if not secret.isascii() or not secret.isprintable() or " " in secret:
        raise NotConfigured("The key has characters that no key has: copy it again, without quotation marks.")
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise NotConfigured(
            f"The address of the service is none: give one such as {DEFAULT_URL}, or set {URL_VARIABLE}."
        )
    return ClientSettings(url=address, key=secret, **patience)


def is_local(url: str) -> bool:
    """Whether an address is on this machine, where no proxy may stand between."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
