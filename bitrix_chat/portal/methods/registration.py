"""Registering and changing a bot: the order of the checks, whose the bot is, and what of it may be changed."""

from typing import Any, Final
from urllib.parse import urlsplit

from bitrix_chat.portal.creation import safe_color
from bitrix_chat.portal.images import MAX_SIDE, decode_loosely, image_size
from bitrix_chat.portal.methods.arguments import bound_array, either_spelling, is_yes, upper_snake
from bitrix_chat.portal.methods.registry import Invocation
from bitrix_chat.portal.php import PhpValue, strval
from bitrix_chat.portal.refusal import Refusal
from bitrix_chat.portal.state import COPILOT, Bot, PortalState, User
from bitrix_chat.portal.views import bot_object, user_object

_TYPES: Final = frozenset({"bot", "network", "openline", "supervisor", "personal"})
_EVENT_MODES: Final = frozenset({"fetch", "webhook"})
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
    _check_token(fields)
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


def _check_token(fields: dict[str, PhpValue]) -> None:
    if len(strval(either_spelling(fields, "botToken"))) > _MAX_TOKEN:
        raise Refusal("BOT_TOKEN_INVALID_LENGTH", f"Bot token must not exceed {_MAX_TOKEN} characters")


def _insert(
    state: PortalState, owner: str, code: str, fields: dict[str, PhpValue], properties: dict[str, PhpValue]
) -> Bot:
    kind = strval(either_spelling(fields, "type")) or "bot"
    if kind not in _TYPES:
        raise Refusal("BOT_INVALID_TYPE", "Bot type is not known")
    event_mode, webhook_url = _events(fields)
    _check_avatar(properties)
    user = state.add_user("")
    user.bot, user.active_at = True, None
    _apply_properties(user, properties)
    bot = Bot(id=user.id, code=code, application=owner, type=kind, event_mode=event_mode, webhook_url=webhook_url)
    _apply_switches(bot, fields)
    state.bots[bot.id] = bot
    return bot


def update_bot(call: Invocation, bot: Bot, fields: dict[str, PhpValue]) -> None:
    """Change what `fields` names; a new `botToken` replaces the old one at once.

    Raises:
        Refusal: BOT_TOKEN_INVALID_LENGTH, BOT_INVALID_EVENT_MODE, BOT_INVALID_CALLBACK, BOT_AVATAR_INCORRECT_TYPE,
            BOT_AVATAR_INCORRECT_SIZE, or BOT_TOKEN_ROTATION_FAILED: the bot of an application has no token.
    """
    _check_token(fields)
    event_mode, webhook_url = _changed_events(bot, fields)
    properties = bound_array(fields, "properties")
    _check_avatar(properties)
    token = strval(either_spelling(fields, "botToken"))
    if token and not call.caller.via_webhook:
        raise Refusal("BOT_TOKEN_ROTATION_FAILED", "Bot token can't be changed")
    bot.event_mode, bot.webhook_url = event_mode, webhook_url
    _apply_properties(call.state.users[bot.id], properties)
    _apply_switches(bot, fields)
    if token:
        bot.application = f"custom{token}"


def _apply_properties(user: User, properties: dict[str, PhpValue]) -> None:
    """Change the account where something is given; what the portal does not know leaves it as it is."""
    user.first_name = strval(either_spelling(properties, "name")).strip() or user.first_name
    if (last_name := either_spelling(properties, "lastName")) is not None:
        user.last_name = strval(last_name)
    if (position := either_spelling(properties, "workPosition")) is not None:
        user.work_position = strval(position)
    user.gender = strval(either_spelling(properties, "gender")) or user.gender
    color = safe_color(upper_snake(strval(either_spelling(properties, "color"))))
    user.color = color if color and color != COPILOT else user.color
    user.avatar = user.avatar or bool(either_spelling(properties, "avatar"))


def _check_avatar(properties: dict[str, PhpValue]) -> None:
    avatar = either_spelling(properties, "avatar")
    if avatar is None or avatar == "":
        return
    size = image_size(decode_loosely(avatar)) if isinstance(avatar, str) else None
    if size is None:
        raise Refusal("BOT_AVATAR_INCORRECT_TYPE", "Avatar incorrect type")
    if max(size) > MAX_SIDE:
        raise Refusal("BOT_AVATAR_INCORRECT_SIZE", f"Avatar incorrect size (max {MAX_SIDE}x{MAX_SIDE})")


def _apply_switches(bot: Bot, fields: dict[str, PhpValue]) -> None:
    """Change the switches that are given; a background that is given as null or empty text is taken away."""
    bot.hidden = is_yes(either_spelling(fields, "isHidden"), default=bot.hidden)
    bot.reactions_enabled = is_yes(either_spelling(fields, "isReactionsEnabled"), default=bot.reactions_enabled)
    bot.support_openline = is_yes(either_spelling(fields, "isSupportOpenline"), default=bot.support_openline)
    if "backgroundId" in fields or "BACKGROUND_ID" in fields:
        bot.background_id = strval(either_spelling(fields, "backgroundId")) or None


def _events(fields: dict[str, PhpValue]) -> tuple[str, str]:
    mode = strval(either_spelling(fields, "eventMode")) or "fetch"
    url = strval(either_spelling(fields, "webhookUrl"))
    if mode not in _EVENT_MODES:
        raise Refusal("BOT_INVALID_EVENT_MODE", "Event mode must be fetch or webhook")
    if mode == "webhook":
        if not url:
            raise Refusal("BOT_WEBHOOK_URL_REQUIRED", "webhookUrl is required for the webhook mode")
        _check_callback(url)
    return mode, url


def _changed_events(bot: Bot, fields: dict[str, PhpValue]) -> tuple[str, str]:
    mode = strval(either_spelling(fields, "eventMode")) or bot.event_mode
    given = strval(either_spelling(fields, "webhookUrl"))
    if mode not in _EVENT_MODES:
        raise Refusal("BOT_INVALID_EVENT_MODE", "Event mode must be fetch or webhook")
    if given or mode == "webhook":
        _check_callback(given or bot.webhook_url)
    return mode, given or bot.webhook_url


def _check_callback(url: str) -> None:
    target = urlsplit(url)
    if target.scheme not in {"http", "https"} or "." not in (target.hostname or ""):
        raise Refusal("BOT_INVALID_CALLBACK", "webhookUrl is not a usable address")


def described(state: PortalState, bot: Bot, *, owned: bool) -> dict[str, Any]:
    """Answer a bot and its account."""
    return {"users": [user_object(state.users[bot.id])], "bot": bot_object(bot, owned=owned)}
