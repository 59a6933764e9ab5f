"""Async client for Bitrix24 chats and chatbots: typed, within the portal's limits, nothing sent twice."""

import logging
from typing import TYPE_CHECKING, Any

from bitrix_chat.lazy import importer

if TYPE_CHECKING:
    from bitrix_chat.auth import (
        AccessTokenAuth,
        AuthStrategy,
        Credentials,
        FileTokenStore,
        MemoryTokenStore,
        OAuthAuth,
        Token,
        TokenStore,
        WebhookAuth,
    )
    from bitrix_chat.client import (
        BitrixChat,
    )
    from bitrix_chat.enums import (
        Background,
        BotType,
        ChatRole,
        ChatType,
        Color,
        EventMode,
        Gender,
    )
    from bitrix_chat.errors import (
        AccessDenied,
        AuthError,
        BatchHalted,
        BatchRefused,
        BitrixError,
        BotError,
        BotIdRequired,
        BotNotFound,
        BotNotOwned,
        BotNotRegistered,
        BotTokenRequired,
        ChatNotCreated,
        ClientClosed,
        ConnectionLost,
        DeadlineExceeded,
        ExpiredToken,
        InsufficientScope,
        InvalidCredentials,
        InvalidParameter,
        InvalidPortalUrl,
        LimitError,
        MethodNotFound,
        NoAnswerError,
        NotFound,
        OperationTimeLimit,
        Outcome,
        OutcomeUnknown,
        PermissionDeniedError,
        PortalDeleted,
        PortalError,
        PortalMoved,
        PortalOverloaded,
        PortalUnreachable,
        QueryLimitExceeded,
        ReauthorizationRequired,
        RequestError,
        RestError,
        ServerError,
        TokenRefreshFailed,
        TokenStoreError,
        UnexpectedAnswer,
        UntrustedCertificate,
        WrongArgument,
    )
    from bitrix_chat.limits import (
        ENTERPRISE,
        STANDARD,
        MemoryRateLimiter,
        Plan,
        RateLimiter,
        shared_limiter,
    )
    from bitrix_chat.models.bot import (
        Bot,
        BotInfo,
        BotPage,
        Revision,
    )
    from bitrix_chat.models.chat import (
        Chat,
        ChatInfo,
        Entity,
    )
    from bitrix_chat.models.time import (
        Time,
    )
    from bitrix_chat.models.user import (
        Profile,
        User,
    )
    from bitrix_chat.rest.batch_result import (
        BatchResult,
        CommandResult,
    )
    from bitrix_chat.rest.call import (
        Call,
    )
    from bitrix_chat.rest.reference import (
        Reference,
        ref,
    )
    from bitrix_chat.rest.request import (
        Request,
        Response,
        Safety,
    )
    from bitrix_chat.transport.retrying import (
        NO_RETRIES,
        RetryPolicy,
    )

    __version__: str

__all__ = [
    "ENTERPRISE",
    "NO_RETRIES",
    "STANDARD",
    "AccessDenied",
    "AccessTokenAuth",
    "AuthError",
    "AuthStrategy",
    "Background",
    "BatchHalted",
    "BatchRefused",
    "BatchResult",
    "BitrixChat",
    "BitrixError",
    "Bot",
    "BotError",
    "BotIdRequired",
    "BotInfo",
    "BotNotFound",
    "BotNotOwned",
    "BotNotRegistered",
    "BotPage",
    "BotTokenRequired",
    "BotType",
    "Call",
    "Chat",
    "ChatInfo",
    "ChatNotCreated",
    "ChatRole",
    "ChatType",
    "ClientClosed",
    "Color",
    "CommandResult",
    "ConnectionLost",
    "Credentials",
    "DeadlineExceeded",
    "Entity",
    "EventMode",
    "ExpiredToken",
    "FileTokenStore",
    "Gender",
    "InsufficientScope",
    "InvalidCredentials",
    "InvalidParameter",
    "InvalidPortalUrl",
    "LimitError",
    "MemoryRateLimiter",
    "MemoryTokenStore",
    "MethodNotFound",
    "NoAnswerError",
    "NotFound",
    "OAuthAuth",
    "OperationTimeLimit",
    "Outcome",
    "OutcomeUnknown",
    "PermissionDeniedError",
    "Plan",
    "PortalDeleted",
    "PortalError",
    "PortalMoved",
    "PortalOverloaded",
    "PortalUnreachable",
    "Profile",
    "QueryLimitExceeded",
    "RateLimiter",
    "ReauthorizationRequired",
    "Reference",
    "Request",
    "RequestError",
    "Response",
    "RestError",
    "RetryPolicy",
    "Revision",
    "Safety",
    "ServerError",
    "Time",
    "Token",
    "TokenRefreshFailed",
    "TokenStore",
    "TokenStoreError",
    "UnexpectedAnswer",
    "UntrustedCertificate",
    "User",
    "WebhookAuth",
    "WrongArgument",
    "__version__",
    "ref",
    "shared_limiter",
]

_import = importer(
    __name__,
    {
        ".auth": (
            "AccessTokenAuth AuthStrategy Credentials FileTokenStore MemoryTokenStore OAuthAuth Token "
            "TokenStore WebhookAuth "
        ),
        ".client": "BitrixChat",
        ".enums": "Background BotType ChatRole ChatType Color EventMode Gender",
        ".errors": (
            "AccessDenied AuthError BatchHalted BatchRefused BitrixError BotError BotIdRequired BotNotFound "
            "BotNotOwned BotNotRegistered BotTokenRequired ChatNotCreated ClientClosed ConnectionLost "
            "DeadlineExceeded ExpiredToken InsufficientScope InvalidCredentials InvalidParameter "
            "InvalidPortalUrl LimitError MethodNotFound NoAnswerError NotFound OperationTimeLimit Outcome "
            "OutcomeUnknown PermissionDeniedError PortalDeleted PortalError PortalMoved PortalOverloaded "
            "PortalUnreachable QueryLimitExceeded ReauthorizationRequired RequestError RestError ServerError "
            "TokenRefreshFailed TokenStoreError UnexpectedAnswer UntrustedCertificate WrongArgument "
        ),
        ".limits": "ENTERPRISE MemoryRateLimiter Plan RateLimiter STANDARD shared_limiter",
        ".models.bot": "Bot BotInfo BotPage Revision",
        ".models.chat": "Chat ChatInfo Entity",
        ".models.time": "Time",
        ".models.user": "Profile User",
        ".rest.batch_result": "BatchResult CommandResult",
        ".rest.call": "Call",
        ".rest.reference": "Reference ref",
        ".rest.request": "Request Response Safety",
        ".transport.retrying": "NO_RETRIES RetryPolicy",
    },
)

logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415  # slow to import and rarely asked for

        return version("bitrix-chat")
    return _import(name)


def __dir__() -> list[str]:
    return __all__
