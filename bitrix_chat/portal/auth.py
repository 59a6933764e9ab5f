"""Who is calling: a webhook by the secret in its path, an application by its access token."""

from typing import Final, final

from bitrix_chat.portal.http import Incoming
from bitrix_chat.portal.methods import Caller
from bitrix_chat.portal.oauth import AuthorizationServer
from bitrix_chat.portal.policy import PortalPolicy
from bitrix_chat.portal.refusal import Refusal
from bitrix_chat.portal.secrets import new_secret

SCOPES: Final = frozenset({"im", "imbot", "user", "department"})


@final
class Gate:
    """Identifies callers."""

    def __init__(self, authorization: AuthorizationServer, policy: PortalPolicy, *, secure: bool) -> None:
        self._authorization = authorization
        self._policy = policy
        self._secure = secure
        self._webhooks: dict[tuple[int, str], Caller] = {}

    def add_webhook(self, user_id: int, scopes: frozenset[str]) -> str:
        """Issue a webhook of a user and return its secret."""
        secret = new_secret(16)
        self._webhooks[user_id, secret] = Caller(
            transport="webhook",
            credential=f"webhook{len(self._webhooks)}",
            user_id=user_id,
            scopes=scopes,
            path=f"/rest/{user_id}/{secret}/",
        )
        return secret

    def identify(self, incoming: Incoming) -> Caller:
        """Return who calls.

        Raises:
            Refusal: The credentials are wrong, expired or missing.
        """
        if "token" in incoming.params:
            # A parameter of this name makes the portal look for a signed link.
            raise Refusal("ACCESS_DENIED", "Access denied! Link check failed", 403)
        if incoming.webhook is None:
            return self._authorization.caller(incoming.token)
        if self._policy.https_required and not self._secure:
            raise Refusal("INVALID_REQUEST", "Https required.")
        caller = self._webhooks.get(incoming.webhook)
        if caller is None:
            status = self._policy.status("INVALID_CREDENTIALS")
            raise Refusal("INVALID_CREDENTIALS", "Invalid request credentials", status)
        return caller
