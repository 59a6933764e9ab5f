"""Async client for Bitrix24 chats and chatbots: typed, within the portal's limits, nothing sent twice."""

import logging
from typing import TYPE_CHECKING, Any

from bitrix_chat.lazy import importer

if TYPE_CHECKING:
    # fmt: off
    from bitrix_chat.auth import (
        AccessTokenAuth, AuthStrategy, Credentials, FileTokenStore, MemoryTokenStore, OAuthAuth, Token, TokenStore,
        WebhookAuth,
    )
    from bitrix_chat.bulk.errors import BulkStopped, JournalError, JournalInUse, KeyReused
    from bitrix_chat.bulk.job import BulkJob
    from bitrix_chat.bulk.journal import Ending, Intent, IntentState, Journal, Run
    from bitrix_chat.bulk.plan import BulkPlan, Range
    from bitrix_chat.bulk.progress import Progress
    from bitrix_chat.bulk.report import BulkFailures, BulkReport
    from bitrix_chat.bulk.results import BulkResult, BulkState
    from bitrix_chat.bulk.shared_journal import Overtaken, SharedJournal
    from bitrix_chat.bulk.spec import ChatSpec
    from bitrix_chat.bulk.sqlite_journal import SqliteJournal
    from bitrix_chat.client import BitrixChat
    from bitrix_chat.enums import (
        ApplicationStatus, Background, BotType, ChatRole, ChatType, Color, EventDelivery, EventMode, Gender,
        ImageSize, LikeAction, MemberOrder, NotificationType, Reaction, ShareTarget, SortOrder, StatusMessage,
        UserStatus,
    )
    from bitrix_chat.errors import (
        AccessDenied, AuthError, BatchHalted, BatchRefused, BitrixError, BotError, BotIdRequired, BotNotFound,
        BotNotOwned, BotNotRegistered, BotTokenRequired, ChatNotCreated, ClientClosed, CommandRefused, ConnectionLost,
        CursorStalled, DeadlineExceeded, DownloadFailed, ExpiredToken, FileRefused, InsecureUrl, InsufficientScope,
        InvalidCredentials, InvalidParameter, InvalidPortalUrl, LimitError, MessageInProgress, MessageRefused,
        MethodNotFound, NoAnswerError, NotFound, NotSubscribed, NothingChanged, OperationTimeLimit, OutcomeUnknown,
        PermissionDeniedError, PortalDeleted, PortalError, PortalMismatch, PortalOverloaded, PortalUnreachable,
        QueryLimitExceeded, ReauthorizationRequired, RequestError, RestError, ServerError, TokenRefreshFailed,
        TokenStoreError, UnexpectedAnswer, UntrustedCertificate, UntrustedRedirect, WrongArgument, WrongEventLoop,
    )
    from bitrix_chat.events.app_events import AppInstalled, AppUninstalled
    from bitrix_chat.events.application_token import application_token_of_bot
    from bitrix_chat.events.bot import BotClient
    from bitrix_chat.events.bot_events import (
        BotDeleted, CommandAdded, CommandContext, ContextOpened, JoinedChat, MessageAdded, MessageDeleted,
        MessageUpdated, ReactionAction, ReactionChanged, UsedCommand,
    )
    from bitrix_chat.events.command_spec import BotChange, CommandSpec
    from bitrix_chat.events.decode import decode_polled, decode_posted
    from bitrix_chat.events.delivery import Delivery, Source
    from bitrix_chat.events.desired import DesiredBot
    from bitrix_chat.events.errors import (
        ConsumerBusy, EventNotBound, EventStoreError, InboxFull, UntrustedInstallation,
    )
    from bitrix_chat.events.event import AnswerableEvent, BotEvent, ChatEvent, Event, EventBot, UnknownEvent, UserEvent
    from bitrix_chat.events.handles import ChatHandle
    from bitrix_chat.events.inbox import Inbox
    from bitrix_chat.events.installation import Installation
    from bitrix_chat.events.memory_store import MemoryEventStore
    from bitrix_chat.events.polling import EventStream
    from bitrix_chat.events.receiver import WebhookReceiver
    from bitrix_chat.events.reception import ReceiverResponse, Reception
    from bitrix_chat.events.registration import Ensured
    from bitrix_chat.events.router import EventRouter
    from bitrix_chat.events.run_options import RunCounts
    from bitrix_chat.events.sqlite_store import SqliteEventStore
    from bitrix_chat.events.store import DeadLetter, EventStore, KeptEvent
    from bitrix_chat.events.user_events import (
        UserJoinedChat, UserMessageAdded, UserMessageDeleted, UserMessageUpdated, UserReactionChanged,
    )
    from bitrix_chat.limits import ENTERPRISE, STANDARD, MemoryRateLimiter, Plan, RateLimiter, shared_limiter
    from bitrix_chat.limits.errors import LimiterFileError
    from bitrix_chat.limits.file_limiter import FileRateLimiter
    from bitrix_chat.models import bb_code
    from bitrix_chat.models.account import Account
    from bitrix_chat.models.app import AppInfo, MethodAvailability
    from bitrix_chat.models.attachment import (
        AttachedFile, AttachedImage, Attachment, AvatarType, ColorToken, DelimiterBlock, FileBlock, GridBlock,
        GridDisplay, GridRow, ImageBlock, LinkBlock, MessageBlock, RawBlock, UserBlock,
    )
    from bitrix_chat.models.bb_code import Markup, escape
    from bitrix_chat.models.bot import Bot, BotInfo, BotPage, Revision
    from bitrix_chat.models.chat import (
        Chat, ChatInfo, ChatPermissions, ChatRestrictions, Entity, EntityLink, MessageViews, PublicLink, ReadMark,
    )
    from bitrix_chat.models.command import Command, CommandInfo, CommandList
    from bitrix_chat.models.counters import CounterTotals, Counters
    from bitrix_chat.models.department import Department
    from bitrix_chat.models.dialog import DialogMessages, FoundMessages, FoundReactions, ReadState, TariffRestrictions
    from bitrix_chat.models.disk import CommittedFiles, DriveFile, DriveLinks, DriveObject, SavedFile
    from bitrix_chat.models.event import EventPage, EventRecord
    from bitrix_chat.models.event_handler import EventHandler
    from bitrix_chat.models.file import DownloadLink, File, FileImage, MediaUrl, UploadedFile, ViewerAttributes
    from bitrix_chat.models.keyboard import Button, ButtonAction, ButtonContext, ButtonDisplay, Keyboard, NewLine
    from bitrix_chat.models.menu import Menu, MenuItem
    from bitrix_chat.models.message import Forward, Message, MessageContext, MessageInfo, ReadReceipt, SentMessage
    from bitrix_chat.models.notification import (
        AllRead, Notification, NotificationKind, NotificationModule, NotificationPage, NotificationSearchPage,
    )
    from bitrix_chat.models.recent import (
        RecentAvatar, RecentCopilot, RecentItem, RecentLines, RecentMessage, RecentPage,
    )
    from bitrix_chat.models.revision import ImRevision
    from bitrix_chat.models.search import SearchAvatar, SearchHistoryItem
    from bitrix_chat.models.time import Time
    from bitrix_chat.models.user import Profile, User
    from bitrix_chat.otel import url_filter
    from bitrix_chat.outcomes import Outcome
    from bitrix_chat.portals import Portals, TooManyPortals, UnknownPortal
    from bitrix_chat.resources.files import FileContent
    from bitrix_chat.rest.batch_result import BatchResult, CommandResult
    from bitrix_chat.rest.call import Call
    from bitrix_chat.rest.keys import KEY_ENTITY_TYPE
    from bitrix_chat.rest.reference import Reference, ref
    from bitrix_chat.rest.request import Request, Response, Safety
    from bitrix_chat.transport.host_sharing import HostSharing
    from bitrix_chat.transport.retrying import NO_RETRIES, RetryPolicy
    from bitrix_chat.transport.sharing import Sharing
    # fmt: on

    __version__: str

# fmt: off
__all__ = [
    "ENTERPRISE", "KEY_ENTITY_TYPE", "NO_RETRIES", "STANDARD", "AccessDenied", "AccessTokenAuth", "Account",
    "AllRead", "AnswerableEvent", "AppInfo", "AppInstalled", "AppUninstalled", "ApplicationStatus", "AttachedFile",
    "AttachedImage", "Attachment", "AuthError", "AuthStrategy", "AvatarType", "Background", "BatchHalted",
    "BatchRefused", "BatchResult", "BitrixChat", "BitrixError", "Bot", "BotChange", "BotClient", "BotDeleted",
    "BotError", "BotEvent", "BotIdRequired", "BotInfo", "BotNotFound", "BotNotOwned", "BotNotRegistered", "BotPage",
    "BotTokenRequired", "BotType", "BulkFailures", "BulkJob", "BulkPlan", "BulkReport", "BulkResult", "BulkState",
    "BulkStopped", "Button", "ButtonAction", "ButtonContext", "ButtonDisplay", "Call", "Chat", "ChatEvent",
    "ChatHandle", "ChatInfo", "ChatNotCreated", "ChatPermissions", "ChatRestrictions", "ChatRole", "ChatSpec",
    "ChatType", "ClientClosed", "Color", "ColorToken", "Command", "CommandAdded", "CommandContext", "CommandInfo",
    "CommandList", "CommandRefused", "CommandResult", "CommandSpec", "CommittedFiles", "ConnectionLost",
    "ConsumerBusy", "ContextOpened", "CounterTotals", "Counters", "Credentials", "CursorStalled", "DeadLetter",
    "DeadlineExceeded", "DelimiterBlock", "Delivery", "Department", "DesiredBot", "DialogMessages", "DownloadFailed",
    "DownloadLink", "DriveFile", "DriveLinks", "DriveObject", "Ending", "Ensured", "Entity", "EntityLink", "Event",
    "EventBot", "EventDelivery", "EventHandler", "EventMode", "EventNotBound", "EventPage", "EventRecord",
    "EventRouter", "EventStore", "EventStoreError", "EventStream", "ExpiredToken", "File", "FileBlock", "FileContent",
    "FileImage", "FileRateLimiter", "FileRefused", "FileTokenStore", "Forward", "FoundMessages", "FoundReactions",
    "Gender", "GridBlock", "GridDisplay", "GridRow", "HostSharing", "ImRevision", "ImageBlock", "ImageSize", "Inbox",
    "InboxFull", "InsecureUrl", "Installation", "InsufficientScope", "Intent", "IntentState", "InvalidCredentials",
    "InvalidParameter", "InvalidPortalUrl", "JoinedChat", "Journal", "JournalError", "JournalInUse", "KeptEvent",
    "KeyReused", "Keyboard", "LikeAction", "LimitError", "LimiterFileError", "LinkBlock", "Markup", "MediaUrl",
    "MemberOrder", "MemoryEventStore", "MemoryRateLimiter", "MemoryTokenStore", "Menu", "MenuItem", "Message",
    "MessageAdded", "MessageBlock", "MessageContext", "MessageDeleted", "MessageInProgress", "MessageInfo",
    "MessageRefused", "MessageUpdated", "MessageViews", "MethodAvailability", "MethodNotFound", "NewLine",
    "NoAnswerError", "NotFound", "NotSubscribed", "NothingChanged", "Notification", "NotificationKind",
    "NotificationModule", "NotificationPage", "NotificationSearchPage", "NotificationType", "OAuthAuth",
    "OperationTimeLimit", "Outcome", "OutcomeUnknown", "Overtaken", "PermissionDeniedError", "Plan", "PortalDeleted",
    "PortalError", "PortalMismatch", "PortalOverloaded", "PortalUnreachable", "Portals", "Profile", "Progress",
    "PublicLink", "QueryLimitExceeded", "Range", "RateLimiter", "RawBlock", "Reaction", "ReactionAction",
    "ReactionChanged", "ReadMark", "ReadReceipt", "ReadState", "ReauthorizationRequired", "ReceiverResponse",
    "RecentAvatar", "RecentCopilot", "RecentItem", "RecentLines", "RecentMessage", "RecentPage", "Reception",
    "Reference", "Request", "RequestError", "Response", "RestError", "RetryPolicy", "Revision", "Run", "RunCounts",
    "Safety", "SavedFile", "SearchAvatar", "SearchHistoryItem", "SentMessage", "ServerError", "ShareTarget",
    "SharedJournal", "Sharing", "SortOrder", "Source", "SqliteEventStore", "SqliteJournal", "StatusMessage",
    "TariffRestrictions", "Time", "Token", "TokenRefreshFailed", "TokenStore", "TokenStoreError", "TooManyPortals",
    "UnexpectedAnswer", "UnknownEvent", "UnknownPortal", "UntrustedCertificate", "UntrustedInstallation",
    "UntrustedRedirect", "UploadedFile", "UsedCommand", "User", "UserBlock", "UserEvent", "UserJoinedChat",
    "UserMessageAdded", "UserMessageDeleted", "UserMessageUpdated", "UserReactionChanged", "UserStatus",
    "ViewerAttributes", "WebhookAuth", "WebhookReceiver", "WrongArgument", "WrongEventLoop", "__version__",
    "application_token_of_bot", "bb_code", "decode_polled", "decode_posted", "escape", "ref", "shared_limiter",
    "url_filter",
]
# fmt: on

_import = importer(
    __name__,
    {
        ".auth": (
            "AccessTokenAuth AuthStrategy Credentials FileTokenStore MemoryTokenStore OAuthAuth Token TokenStore "
            "WebhookAuth"
        ),
        ".bulk.errors": "BulkStopped JournalError JournalInUse KeyReused",
        ".bulk.job": "BulkJob",
        ".bulk.journal": "Ending Intent IntentState Journal Run",
        ".bulk.plan": "BulkPlan Range",
        ".bulk.progress": "Progress",
        ".bulk.report": "BulkFailures BulkReport",
        ".bulk.results": "BulkResult BulkState",
        ".bulk.shared_journal": "Overtaken SharedJournal",
        ".bulk.spec": "ChatSpec",
        ".bulk.sqlite_journal": "SqliteJournal",
        ".client": "BitrixChat",
        ".enums": (
            "ApplicationStatus Background BotType ChatRole ChatType Color EventDelivery EventMode Gender "
            "ImageSize LikeAction MemberOrder NotificationType Reaction ShareTarget SortOrder StatusMessage "
            "UserStatus"
        ),
        ".errors": (
            "AccessDenied AuthError BatchHalted BatchRefused BitrixError BotError BotIdRequired BotNotFound "
            "BotNotOwned BotNotRegistered BotTokenRequired ChatNotCreated ClientClosed CommandRefused "
            "ConnectionLost CursorStalled DeadlineExceeded DownloadFailed ExpiredToken FileRefused InsecureUrl "
            "InsufficientScope InvalidCredentials InvalidParameter InvalidPortalUrl LimitError MessageInProgress "
            "MessageRefused MethodNotFound NoAnswerError NotFound NotSubscribed NothingChanged OperationTimeLimit "
            "OutcomeUnknown PermissionDeniedError PortalDeleted PortalError PortalMismatch PortalOverloaded "
            "PortalUnreachable QueryLimitExceeded ReauthorizationRequired RequestError RestError ServerError "
            "TokenRefreshFailed TokenStoreError UnexpectedAnswer UntrustedCertificate UntrustedRedirect "
            "WrongArgument WrongEventLoop"
        ),
        ".events.app_events": "AppInstalled AppUninstalled",
        ".events.application_token": "application_token_of_bot",
        ".events.bot": "BotClient",
        ".events.bot_events": (
            "BotDeleted CommandAdded CommandContext ContextOpened JoinedChat MessageAdded MessageDeleted "
            "MessageUpdated ReactionAction ReactionChanged UsedCommand"
        ),
        ".events.command_spec": "BotChange CommandSpec",
        ".events.decode": "decode_polled decode_posted",
        ".events.delivery": "Delivery Source",
        ".events.desired": "DesiredBot",
        ".events.errors": "ConsumerBusy EventNotBound EventStoreError InboxFull UntrustedInstallation",
        ".events.event": "AnswerableEvent BotEvent ChatEvent Event EventBot UnknownEvent UserEvent",
        ".events.handles": "ChatHandle",
        ".events.inbox": "Inbox",
        ".events.installation": "Installation",
        ".events.memory_store": "MemoryEventStore",
        ".events.polling": "EventStream",
        ".events.receiver": "WebhookReceiver",
        ".events.reception": "ReceiverResponse Reception",
        ".events.registration": "Ensured",
        ".events.router": "EventRouter",
        ".events.run_options": "RunCounts",
        ".events.sqlite_store": "SqliteEventStore",
        ".events.store": "DeadLetter EventStore KeptEvent",
        ".events.user_events": (
            "UserJoinedChat UserMessageAdded UserMessageDeleted UserMessageUpdated UserReactionChanged"
        ),
        ".limits": "ENTERPRISE MemoryRateLimiter Plan RateLimiter STANDARD shared_limiter",
        ".limits.errors": "LimiterFileError",
        ".limits.file_limiter": "FileRateLimiter",
        ".models": "bb_code",
        ".models.account": "Account",
        ".models.app": "AppInfo MethodAvailability",
        ".models.attachment": (
            "AttachedFile AttachedImage Attachment AvatarType ColorToken DelimiterBlock FileBlock GridBlock "
            "GridDisplay GridRow ImageBlock LinkBlock MessageBlock RawBlock UserBlock"
        ),
        ".models.bb_code": "Markup escape",
        ".models.bot": "Bot BotInfo BotPage Revision",
        ".models.chat": (
            "Chat ChatInfo ChatPermissions ChatRestrictions Entity EntityLink MessageViews PublicLink ReadMark"
        ),
        ".models.command": "Command CommandInfo CommandList",
        ".models.counters": "CounterTotals Counters",
        ".models.department": "Department",
        ".models.dialog": "DialogMessages FoundMessages FoundReactions ReadState TariffRestrictions",
        ".models.disk": "CommittedFiles DriveFile DriveLinks DriveObject SavedFile",
        ".models.event": "EventPage EventRecord",
        ".models.event_handler": "EventHandler",
        ".models.file": "DownloadLink File FileImage MediaUrl UploadedFile ViewerAttributes",
        ".models.keyboard": "Button ButtonAction ButtonContext ButtonDisplay Keyboard NewLine",
        ".models.menu": "Menu MenuItem",
        ".models.message": "Forward Message MessageContext MessageInfo ReadReceipt SentMessage",
        ".models.notification": (
            "AllRead Notification NotificationKind NotificationModule NotificationPage NotificationSearchPage"
        ),
        ".models.recent": "RecentAvatar RecentCopilot RecentItem RecentLines RecentMessage RecentPage",
        ".models.revision": "ImRevision",
        ".models.search": "SearchAvatar SearchHistoryItem",
        ".models.time": "Time",
        ".models.user": "Profile User",
        ".otel": "url_filter",
        ".outcomes": "Outcome",
        ".portals": "Portals TooManyPortals UnknownPortal",
        ".resources.files": "FileContent",
        ".rest.batch_result": "BatchResult CommandResult",
        ".rest.call": "Call",
        ".rest.keys": "KEY_ENTITY_TYPE",
        ".rest.reference": "Reference ref",
        ".rest.request": "Request Response Safety",
        ".transport.host_sharing": "HostSharing",
        ".transport.retrying": "NO_RETRIES RetryPolicy",
        ".transport.sharing": "Sharing",
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
