"""The one proof that a posted event has: compared in constant time, and there is no way not to compare it."""

import hmac
import secrets
from collections.abc import Awaitable, Callable, Collection, Iterable
from enum import Enum, auto
from typing import Any, Final, TypeAlias

from bitrix_chat.errors import InvalidParameter
from bitrix_chat.events.installation import is_member_id
from bitrix_chat.resources.arguments import bot_token
from bitrix_chat.rest.secret import Secret, concealed
from bitrix_chat.rest.tracebacks import discreet, discreet_coroutine

TokenLookup: TypeAlias = Callable[[str], Awaitable[str | None]]
"""Asked with a portal's member id for its application token; None for a portal that is not known."""

_LONGEST: Final = 50
"""What the portal cuts the token of a webhook's bot to."""


@discreet
def application_token_of_bot(token: str) -> Secret:
    """Return the application token of a bot that was registered by way of an incoming webhook.

    Such a bot belongs to no application, so the portal makes one up from the bot's own token.

    Raises:
        InvalidParameter: the bot's token is empty.
    """
    return Secret(f"custom{bot_token(token) or ''}"[:_LONGEST])


class Proof(Enum):
    """What an event's token proves."""

    GENUINE = auto()
    FORGED = auto()
    OF_UNKNOWN_PORTAL = auto()


class TokenCheck:
    """Judges the token at the top of an event; that of `data[bot][auth]` proves nothing.

    Args:
        known: the token, several of them, or whom to ask.

    Raises:
        InvalidParameter: none is given, or an empty one.
    """

    @discreet
    def __init__(self, known: "str | Collection[str] | TokenLookup") -> None:
        self._lookup: TokenLookup | None = None
        self._tokens: list[str] = []
        if callable(known):
            self._lookup = known
        else:
            self._tokens = _tokens(known)

    @discreet_coroutine
    async def judge(self, auth: Any) -> Proof:
        """Tell whether an event with this top-level `auth` comes from a portal that is known."""
        given = auth.get("application_token") if isinstance(auth, dict) else None
        if not isinstance(given, str) or not given:
            return Proof.FORGED
        if self._lookup is None:
            return _judged(given, self._tokens)
        member_id = auth.get("member_id")
        if not is_member_id(member_id):
            return Proof.FORGED
        token = await self._lookup(member_id)
        if isinstance(token, str) and token:
            return _judged(given, [token])
        _judged(given, [secrets.token_hex(16)])  # as long as for a portal that is known
        return Proof.OF_UNKNOWN_PORTAL

    def __repr__(self) -> str:
        return "<TokenCheck>"


def _judged(given: str, known: Iterable[str]) -> Proof:
    # All of them, so that the time does not tell which one it was.
    matches = [hmac.compare_digest(given.encode("utf-8", "replace"), token.encode()) for token in known]
    return Proof.GENUINE if any(matches) else Proof.FORGED


def _tokens(known: Any) -> list[str]:
    tokens = [known] if isinstance(known, str) else list(known) if isinstance(known, Collection) else []
    if not tokens or not all(isinstance(token, str) and token.strip() for token in tokens):
        raise InvalidParameter(
            "`application_token` is missing or empty: it is the token of the application, as its installation named"
            " it, or for a webhook's bot application_token_of_bot(token), or a function that knows it by member id"
        )
    return [concealed(token) for token in tokens]
