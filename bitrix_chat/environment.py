"""Who is calling, by the environment: a webhook's URL, or an application's pair of tokens."""

from collections.abc import Mapping

from bitrix_chat.auth import AuthStrategy, FileTokenStore, OAuthAuth, Token, WebhookAuth
from bitrix_chat.auth.authorization import DEFAULT_SERVER
from bitrix_chat.errors import InvalidParameter


def auth_from(environ: Mapping[str, str]) -> AuthStrategy:
    """Make a strategy of the variables that `BitrixChat.from_env` names.

    Raises:
        InvalidParameter: one is missing; the message names it.
    """
    if url := environ.get("BITRIX24_WEBHOOK_URL"):
        return WebhookAuth(url)
    client_id = _required(environ, "BITRIX24_CLIENT_ID", "or BITRIX24_WEBHOOK_URL")
    client_secret = _required(environ, "BITRIX24_CLIENT_SECRET")
    server = environ.get("BITRIX24_AUTHORIZATION_SERVER") or DEFAULT_SERVER
    if path := environ.get("BITRIX24_TOKEN_FILE"):
        return OAuthAuth(client_id, client_secret, store=FileTokenStore(path), authorization_server=server)
    token = Token(
        access_token=_required(environ, "BITRIX24_ACCESS_TOKEN", "or BITRIX24_TOKEN_FILE"),
        refresh_token=_required(environ, "BITRIX24_REFRESH_TOKEN"),
        client_endpoint=_required(environ, "BITRIX24_CLIENT_ENDPOINT"),
    )
    return OAuthAuth(client_id, client_secret, token, authorization_server=server)


def _required(environ: Mapping[str, str], name: str, alternative: str = "") -> str:
    if value := environ.get(name):
        return value
    raise InvalidParameter(" ".join(filter(None, (f"the environment variable {name}", alternative, "is not set"))))
