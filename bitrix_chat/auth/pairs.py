"""What two token pairs of one portal say of each other: which is newer, and where the portal is."""

import hashlib
import logging
from typing import Final

from attrs import evolve

from bitrix_chat.auth.addresses import is_foreign_ip_address, is_insecure, is_ip_address
from bitrix_chat.auth.token import Token
from bitrix_chat.errors import PortalMismatch
from bitrix_chat.rest.redaction import host_of

logger: Final = logging.getLogger("bitrix_chat")

_GIVEN: Final = 16
"""Given pairs that a store remembers."""


def at_home(old: Token, renewed: Token) -> Token:
    """Return a renewed pair with the address that requests may go to from now on."""
    known, named = host_of(old.client_endpoint), host_of(renewed.client_endpoint)
    insecure = is_insecure(renewed.client_endpoint) and not is_insecure(old.client_endpoint)
    if insecure or (is_ip_address(named) and not is_ip_address(known)):
        logger.warning("a renewal named %s for the portal %s, which is kept", named, known)
        return evolve(renewed, client_endpoint=old.client_endpoint)
    if named != known:
        logger.warning("a renewal moved the portal from %s to %s", known, named)
    return renewed


def is_newer(given: Token, stored: Token) -> bool:
    """Return whether a given pair is known to expire later than the stored one."""
    return given.expires is not None and stored.expires is not None and given.expires > stored.expires


def hash_of(given: Token) -> str:
    """Return what tells a given pair from others without being one of its tokens."""
    return hashlib.sha256(f"given {given.refresh_token!s}".encode()).hexdigest()[:16]


def with_those_before(given: Token, stored: Token | None) -> tuple[str, ...]:
    """Return the hashes of what a store was given, this pair among them, the newest last."""
    seen = () if stored is None else stored.grown_from
    return (*(it for it in seen if it != hash_of(given)), hash_of(given))[-_GIVEN:]


def check_host(host: str, begun_at: str | None) -> None:
    """Raise `PortalMismatch` unless an authorization is of the portal for which the login was begun."""
    if begun_at is not None and host != begun_at:
        raise PortalMismatch(f"the login was begun at {begun_at}, and the authorization is of {host}; nothing was kept")
    if begun_at is None and is_foreign_ip_address(host):
        raise PortalMismatch(f"the authorization is of {host}, and an IP address is only taken where `portal` names it")
