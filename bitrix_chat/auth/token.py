"""A token pair is worth an installation: whoever loses the newer refresh token has to ask an administrator again."""

import math
import re
import time
from collections.abc import Mapping
from typing import Any, Self

from attrs import Attribute, evolve, field, frozen

from bitrix_chat.auth.addresses import portal_endpoint
from bitrix_chat.auth.strategy import Credentials
from bitrix_chat.errors import InvalidParameter, InvalidPortalUrl
from bitrix_chat.rest.secret import concealed
from bitrix_chat.rest.tracebacks import discreet, discreetly_made


def secret_text(instance: object, attribute: "Attribute[Any]", value: object) -> None:
    """Refuse what cannot be a token, without showing it as the validators of attrs would."""
    if not isinstance(value, str) or not value or not value.isprintable() or " " in value:
        name = attribute.name.lstrip("_")
        raise InvalidParameter(f"{type(instance).__name__}: {name} is missing or holds white space")


@discreetly_made
@frozen
class Token:
    """An access token, the refresh token that renews it once, and the portal both belong to.

    Attributes:
        access_token: proves the caller for an hour.
        refresh_token: spent by its first use; unused it lives for 180 days.
        client_endpoint: the portal's REST address; a bare domain is completed.
        member_id: the portal's own id, the same after a change of address; "" where unknown.
        expires: end of the access token as unix time by the server's clock. For people and for telling
            which of two pairs is newer; nothing is renewed by it, since only the portal's answer counts.
        scope: the permissions granted, for example `imbot`.
        user_id: the user who authorized; None where unknown.
        grown_from: hashes of the pairs that were given to those who share its store; not part of what is compared.

    Source: documentation topic "OAuth 2.0".
    """

    access_token: str = field(repr=False, converter=concealed, validator=secret_text)
    refresh_token: str = field(repr=False, converter=concealed, validator=secret_text)
    client_endpoint: str = field(converter=portal_endpoint)
    member_id: str = ""
    expires: float | None = None
    scope: tuple[str, ...] = ()
    user_id: int | None = None
    grown_from: tuple[str, ...] = field(default=(), eq=False, repr=False)

    @property
    def credentials(self) -> Credentials:
        """What requests are sent with."""
        return Credentials(self.client_endpoint, self.access_token)

    @classmethod
    @discreet
    def from_answer(cls, answer: Mapping[str, Any]) -> Self:
        """Read the authorization server's answer, or the `auth` part of an installation event.

        The address is `client_endpoint`, never `domain`: in an answer that is the authorization server's own.

        Raises:
            InvalidParameter: a token is missing.
            InvalidPortalUrl: `client_endpoint` is missing or is no portal's REST address.
        """
        token = cls.from_dict(answer)
        lifetime = _number(answer.get("expires_in"))
        if token.expires is None and lifetime is not None:
            return evolve(token, expires=time.time() + lifetime)
        return token

    @classmethod
    @discreet
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """Read what `to_dict` gave.

        Raises:
            InvalidParameter: a token or the address is missing or malformed; its value is not shown.
        """
        user_id = _number(stored.get("user_id"))
        if not stored.get("client_endpoint"):
            raise InvalidPortalUrl("client_endpoint, the portal's REST address, is missing")
        return cls(
            access_token=stored.get("access_token", ""),
            refresh_token=stored.get("refresh_token", ""),
            client_endpoint=stored["client_endpoint"],
            member_id=_text(stored.get("member_id")),
            expires=_number(stored.get("expires")),
            scope=_words(stored.get("scope")),
            user_id=None if user_id is None else int(user_id),
            grown_from=_words(stored.get("grown_from")),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return values that JSON can hold, both secrets in the clear: for stores only."""
        kept = {"grown_from": list(self.grown_from)} if self.grown_from else {}
        return {
            "access_token": str(self.access_token),
            "refresh_token": str(self.refresh_token),
            "client_endpoint": self.client_endpoint,
            "member_id": self.member_id,
            "expires": self.expires,
            "scope": list(self.scope),
            "user_id": self.user_id,
            **kept,
        }


# The fields read below inform people. PHP spells them now one way, now another, and no spelling
# may cost the pair they came with: what cannot be read is left out.


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _text(value: object) -> str:
    return str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""


def _words(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(filter(None, re.split(r"[,\s]+", value)))
    return tuple(filter(None, map(_text, value))) if isinstance(value, list | tuple) else ()
