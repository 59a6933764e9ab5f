"""Registering a bot (REST method `imbot.v2.Bot.register`): the order of its checks, and whose the bot is."""

from typing import Any, Final
from urllib.parse import urlsplit

from bitrix_chat.enums import Color
from bitrix_chat.portal.creation import safe_color
from bitrix_chat.portal.methods.arguments import bound_array, either_spelling, is_yes, upper_snake
from bitrix_chat.portal.methods.registry import Invocation
from bitrix_chat.portal.php import PhpValue, strval
from bitrix_chat.portal.refusal import Refusal
from bitrix_chat.portal.state import COPILOT, Bot, PortalState
from bitrix_chat.portal.views import bot_object, user_object

_TYPES: Final = frozenset({"bot", "network", "openline", "supervisor", "personal"})
_MAX_TOKEN: Final = 40
_MAX_BOTS: Final = 100  # of one application, in the cloud


def application(call: Invocation, tokens: dict[str, PhpValue] | None = None) -> str:
    """Return the application that calls; a webhook's is made of the bot token in `tokens`, the parameters.

    Raises:
        Refusal: BOT_TOKEN_NOT_SPECIFIED.
    """
    if not call.caller.via_webhook:
        return call.caller.client_id
    tokens = call.params if tokens is None else tokens
    token = strval(either_spelling(tokens, "botToken")) or strval(either_spelling(tokens, "clientId"))
    if not token:
        raise Refusal("BOT_TOKEN_NOT_SPECIFIED", "Bot token not specified (botToken is required for webhook auth)")
    return f"custom{token}"


def register_bot(call: Invocation, fields: dict[str, PhpValue]) -> Bot:
    """Insert the bot, or return the application's bot of that code as it is."""
    owner = application(call, fields)
    if len(strval(either_spelling(fields, "botToken"))) > _MAX_TOKEN:
        raise Refusal("BOT_TOKEN_INVALID_LENGTH", f"Bot token must not exceed {_MAX_TOKEN} characters")
    code = strval(either_spelling(fields, "code")).strip()
    if not code:
        raise Refusal("BOT_CODE_REQUIRED", "Bot code is required")
    properties = bound_array(fields, "properties")
    if not strval(either_spelling(properties, "name")).strip():
        raise Refusal("BOT_PROPERTIES_REQUIRED", "Bot properties with a name are required")
    existing = next((bot for bot in call.state.bots.values() if bot.code == code), None)
    if existing is not None:
        if existing.application != owner:
            raise Refusal("BOT_CODE_ALREADY_TAKEN", "Bot code is already taken by another application")
        return existing
    if sum(bot.application == owner for bot in call.state.bots.values()) >= _MAX_BOTS:
        raise Refusal("BOT_LIMIT_EXCEEDED", "Too many bots are registered by this application")
    return _insert(call.state, owner, code, fields, properties)


def _insert(
    state: PortalState, owner: str, code: str, fields: dict[str, PhpValue], properties: dict[str, PhpValue]
) -> Bot:
    kind = strval(either_spelling(fields, "type")) or "bot"
    if kind not in _TYPES:
        raise Refusal("BOT_INVALID_TYPE", "Bot type is not known")
    event_mode, webhook_url = _events(fields)
    user = state.add_user(strval(either_spelling(properties, "name")), strval(either_spelling(properties, "lastName")))
    user.bot = True
    user.work_position = strval(either_spelling(properties, "workPosition"))
    user.gender = strval(either_spelling(properties, "gender")) or "M"
    color = safe_color(upper_snake(strval(either_spelling(properties, "color"))))
    user.color = color if color and color != COPILOT else Color.AZURE
    bot = Bot(id=user.id, code=code, application=owner, type=kind, event_mode=event_mode, webhook_url=webhook_url)
    bot.hidden = is_yes(either_spelling(fields, "isHidden"))
    bot.reactions_enabled = is_yes(either_spelling(fields, "isReactionsEnabled"), default=True)
    bot.support_openline = is_yes(either_spelling(fields, "isSupportOpenline"))
    bot.background_id = strval(either_spelling(fields, "backgroundId")) or None
    state.bots[bot.id] = bot
    return bot


def _events(fields: dict[str, PhpValue]) -> tuple[str, str]:
    mode = strval(either_spelling(fields, "eventMode")) or "fetch"
    url = strval(either_spelling(fields, "webhookUrl"))
    if mode not in {"fetch", "webhook"}:
        raise Refusal("BOT_INVALID_EVENT_MODE", "Event mode must be fetch or webhook")
    if mode == "webhook":
        if not url:
            raise Refusal("BOT_WEBHOOK_URL_REQUIRED", "webhookUrl is required for the webhook mode")
        target = urlsplit(url)
        if target.scheme not in {"http", "https"} or "." not in (target.hostname or ""):
            raise Refusal("BOT_INVALID_CALLBACK", "webhookUrl is not a usable address")
    return mode, url


def described(state: PortalState, bot: Bot, *, owned: bool) -> dict[str, Any]:
    """Answer a bot and its account."""
    return {"users": [user_object(state.users[bot.id])], "bot": bot_object(bot, owned=owned)}
