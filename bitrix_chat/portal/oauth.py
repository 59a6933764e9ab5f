"""The authorization server: codes of 30 s, access tokens of an hour, refresh tokens that rotate.

It is another host than the portal's, and shares a socket with it here (documentation topic "OAuth 2.0").
"""

import secrets
from collections.abc import Callable
from typing import Any, Final, NamedTuple, final
from urllib.parse import urlsplit

import attrs

from bitrix_chat.portal.methods import Caller
from bitrix_chat.portal.policy import PortalPolicy
from bitrix_chat.portal.refusal import Refusal
from bitrix_chat.portal.secrets import new_secret

AUTH_HOST: Final = "oauth.example"

_CODE_LIFETIME: Final = 30
_TOKEN_LIFETIME: Final = 3600
_REFRESH_LIFETIME: Final = 180 * 86400


@final
@attrs.frozen(kw_only=True)
class Grant:
    """What an application holds after its authorization; `domain` is the authorization server's host."""

    client_id: str
    client_secret: str = attrs.field(repr=False)
    access_token: str = attrs.field(repr=False)
    refresh_token: str = attrs.field(repr=False)
    client_endpoint: str
    server_endpoint: str
    domain: str
    member_id: str
    expires_in: int
    scope: str
    user_id: int


class TokenRequest(NamedTuple):
    """A request to the token endpoint; the outcome is `ok` or the error code."""

    method: str
    grant_type: str
    outcome: str


@attrs.define
class _Issued:
    user_id: int
    expires_at: float


@final
class AuthorizationServer:
    """Issues and checks the tokens of one application."""

    def __init__(
        self,
        *,
        policy: PortalPolicy,
        clock: Callable[[], float],
        address: Callable[[], str],
        portal_address: Callable[[], str],
        scopes: frozenset[str],
    ) -> None:
        self.client_id = f"local.{secrets.token_hex(7)}"
        self.member_id = secrets.token_hex(16)
        self.requests: list[TokenRequest] = []
        self._client_secret = new_secret(32)
        self._policy = policy
        self._clock = clock
        self._address = address
        self._portal_address = portal_address
        self._scopes = scopes
        self._codes: dict[str, _Issued] = {}
        self._access: dict[str, _Issued] = {}
        self._refresh: dict[str, _Issued] = {}
        self.application_token = new_secret(32)
        self._for_events: dict[int, tuple[str, str, float]] = {}
        self._current = self._pair(1)

    @property
    def grant(self) -> Grant:
        """The pair issued last."""
        access, refresh, user_id = self._current
        return Grant(
            client_id=self.client_id,
            client_secret=self._client_secret,
            access_token=access,
            refresh_token=refresh,
            client_endpoint=f"{self._portal_address()}/rest/",
            server_endpoint=f"{self._address()}/rest/",
            domain=AUTH_HOST,
            member_id=self.member_id,
            expires_in=_TOKEN_LIFETIME,
            scope=",".join(sorted(self._scopes)),
            user_id=user_id,
        )

    def code(self, user_id: int) -> str:
        """Issue an authorization code, as the browser step does."""
        code = new_secret(32)
        self._codes[code] = _Issued(user_id, self._clock() + _CODE_LIFETIME)
        return code

    def event_address(self) -> dict[str, Any]:
        """Return what every event of the application carries: where it comes from, and the token that proves it."""
        return {
            "domain": urlsplit(self._portal_address()).netloc,
            "server_endpoint": f"{self._address()}/rest/",
            "client_endpoint": f"{self._portal_address()}/rest/",
            "member_id": self.member_id,
            "application_token": self.application_token,
        }

    def event_auth(self, user_id: int) -> dict[str, Any]:
        """Return what an event carries to act as a user; one pair of tokens serves many events."""
        access, refresh, expires = self._for_events.get(user_id, ("", "", 0.0))
        if expires <= self._clock():
            expires = self._clock() + _TOKEN_LIFETIME
            access, refresh, _ = self._pair(user_id)
            self._for_events[user_id] = (access, refresh, expires)
        return self._signed(access, refresh, expires, user_id)

    def install(self, user_id: int) -> dict[str, Any]:
        """Grant the application a new pair of tokens and return what the event of its installation carries."""
        self._current = access, refresh, _ = self._pair(user_id)
        shown = self._signed(access, refresh, self._clock() + _TOKEN_LIFETIME, user_id)
        return {name: value for name, value in shown.items() if name not in {"expires", "user_id"}}

    def uninstall(self) -> None:
        """Take every token away from the application."""
        for issued in (self._access, self._refresh, self._codes, self._for_events):
            issued.clear()

    def _signed(self, access: str, refresh: str, expires: float, user_id: int) -> dict[str, Any]:
        return {
            "access_token": access,
            "refresh_token": refresh,
            "expires": int(expires),
            "expires_in": int(expires - self._clock()),
            "scope": ",".join(sorted(self._scopes)),
            "status": "L",
            "user_id": user_id,
            **self.event_address(),
        }

    def expire_access_tokens(self) -> None:
        """End the life of every access token issued so far."""
        for issued in self._access.values():
            issued.expires_at = self._clock()
        self._for_events.clear()

    def revoke_refresh_tokens(self) -> None:
        """Forget every refresh token."""
        self._refresh.clear()

    def caller(self, token: str | None) -> Caller:
        """Identify the caller by an access token.

        Raises:
            Refusal: NO_AUTH_FOUND or expired_token, with 401.
        """
        issued = self._access.get(token or "")
        if issued is None:
            raise Refusal("NO_AUTH_FOUND", "Wrong authorization data", 401)
        if issued.expires_at <= self._clock():
            dot = "." if self._policy.expired_token_dot else ""
            raise Refusal("expired_token", f"The access token provided has expired{dot}", 401)
        return Caller(
            transport="oauth",
            credential=self.client_id,
            user_id=issued.user_id,
            scopes=self._scopes,
            client_id=self.client_id,
            access_token=token or "",
        )

    def answer(self, method: str, params: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Answer a request to the token endpoint with a status and a body, and record it."""
        grant_type = params.get("grant_type", "")
        try:
            body = self._granted(grant_type, params)
        except Refusal as refusal:
            self.requests.append(TokenRequest(method, grant_type, refusal.code))
            return refusal.status, refusal.as_body()
        self.requests.append(TokenRequest(method, grant_type, "ok"))
        return 200, body

    def _granted(self, grant_type: str, params: dict[str, str]) -> dict[str, Any]:
        if not grant_type:
            raise _lacking("grant_type")
        self._check_client(params)
        if grant_type == "authorization_code":
            issued = self._redeemed(self._codes, "code", params)
        elif grant_type == "refresh_token":
            issued = self._redeemed(self._refresh, "refresh_token", params)
        else:
            raise Refusal("invalid_request", "Unsupported grant type")
        self._current = self._pair(issued.user_id)
        return self._body()

    def _check_client(self, params: dict[str, str]) -> None:
        """Check id and secret; an id nobody knows is answered with status 200."""
        if params.get("client_id") != self.client_id:
            raise Refusal("wrong_client", "Wrong client", 200)
        if not secrets.compare_digest(params.get("client_secret", "").encode(), self._client_secret.encode()):
            raise Refusal("invalid_client", "Client authentication failed", self._policy.invalid_client_status)

    def _redeemed(self, issued: dict[str, _Issued], name: str, params: dict[str, str]) -> _Issued:
        token = params.get(name)
        if not token:
            raise _lacking(name)
        reusable = name == "refresh_token" and self._policy.old_refresh_token_valid
        found = issued.get(token) if reusable else issued.pop(token, None)
        if found is None or found.expires_at <= self._clock():
            raise Refusal("invalid_grant", "Invalid grant")
        return found

    def _pair(self, user_id: int) -> tuple[str, str, int]:
        access, refresh = new_secret(62), new_secret(62)
        self._access[access] = _Issued(user_id, self._clock() + _TOKEN_LIFETIME)
        self._refresh[refresh] = _Issued(user_id, self._clock() + _REFRESH_LIFETIME)
        return access, refresh, user_id

    def _body(self) -> dict[str, Any]:
        shown = attrs.asdict(self.grant)
        del shown["client_id"], shown["client_secret"]
        return shown | {"expires": int(self._clock()) + _TOKEN_LIFETIME, "status": "L"}


def _lacking(name: str) -> Refusal:
    return Refusal("invalid_request", f'No "{name}" parameter found')
