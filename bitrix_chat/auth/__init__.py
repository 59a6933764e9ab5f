"""Who is calling: a webhook, a bare token, or an application whose tokens renew themselves."""

from typing import TYPE_CHECKING

from bitrix_chat.lazy import importer

if TYPE_CHECKING:
    from bitrix_chat.auth.access_token import (
        AccessTokenAuth,
    )
    from bitrix_chat.auth.addresses import (
        portal_endpoint,
    )
    from bitrix_chat.auth.authorization import (
        AuthorizationServer,
        authorize_url,
    )
    from bitrix_chat.auth.oauth import (
        OAuthAuth,
    )
    from bitrix_chat.auth.stores import (
        FileTokenStore,
        MemoryTokenStore,
        TokenStore,
    )
    from bitrix_chat.auth.strategy import (
        AuthStrategy,
        Credentials,
    )
    from bitrix_chat.auth.token import (
        Token,
    )
    from bitrix_chat.auth.webhook import (
        WebhookAuth,
    )

__all__ = [
    "AccessTokenAuth",
    "AuthStrategy",
    "AuthorizationServer",
    "Credentials",
    "FileTokenStore",
    "MemoryTokenStore",
    "OAuthAuth",
    "Token",
    "TokenStore",
    "WebhookAuth",
    "authorize_url",
    "portal_endpoint",
]

__getattr__ = importer(
    __name__,
    {
        ".access_token": "AccessTokenAuth",
        ".addresses": "portal_endpoint",
        ".authorization": "AuthorizationServer authorize_url",
        ".oauth": "OAuthAuth",
        ".stores": "FileTokenStore MemoryTokenStore TokenStore",
        ".strategy": "AuthStrategy Credentials",
        ".token": "Token",
        ".webhook": "WebhookAuth",
    },
)
