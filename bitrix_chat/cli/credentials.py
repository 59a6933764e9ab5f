"""What `--url` and `--token` say together: a webhook, or a portal's domain with an access token."""

from collections.abc import Mapping

from bitrix_chat import AccessTokenAuth, AuthStrategy, InvalidParameter, InvalidPortalUrl, WebhookAuth
from bitrix_chat.auth import portal_endpoint


def auth_from(url: str, token: str | None, environ: Mapping[str, str]) -> AuthStrategy:
    """Make a strategy of a webhook URL alone, or of a portal's domain and a token.

    Raises:
        InvalidParameter: the two do not go together, or one of them is malformed.
    """
    webhook = _webhook(url)
    if isinstance(webhook, WebhookAuth):
        if token is not None:
            raise InvalidParameter("--url is a webhook URL, which is its own proof: leave --token away")
        return webhook
    token = token if token is not None else environ.get("BITRIX24_TOKEN") or None
    if token is not None:
        return _with_token(url, token)
    if _is_domain(url):
        raise InvalidParameter("--url is a portal's domain, which needs --token (or BITRIX24_TOKEN)")
    raise InvalidParameter(f"--url: {webhook.description}")


def _webhook(url: str) -> WebhookAuth | InvalidPortalUrl:
    try:
        return WebhookAuth(url)
    except InvalidPortalUrl as error:
        return error


def _with_token(url: str, token: str) -> AccessTokenAuth:
    try:
        return AccessTokenAuth(url, token)
    except InvalidPortalUrl as error:
        raise InvalidParameter(f"--url: {error.description}") from None
    except InvalidParameter as error:
        raise InvalidParameter(f"--token: {error.description}") from None


def _is_domain(url: str) -> bool:
    try:
        return bool(portal_endpoint(url))
    except InvalidPortalUrl:
        return False
