"""`imbot.v2.*`: bots and their chats, behind the strict binder of the controllers.

A bot belongs to an application: the client id of the access token or, over a webhook, `custom` and the
`botToken` of the call. A wrong token therefore looks like somebody else's bot.
"""

from typing import Any, Final

from bitrix_chat.portal.creation import EntityTooLongError, NewChat, create_chat, safe_color
from bitrix_chat.portal.images import is_avatar
from bitrix_chat.portal.methods.arguments import bound_array, bound_int, bound_text, either_spelling, upper_snake
from bitrix_chat.portal.methods.dialogs import dialog_of_bot
from bitrix_chat.portal.methods.registration import application, described, register_bot
from bitrix_chat.portal.methods.registry import Invocation, MethodTable
from bitrix_chat.portal.php import PhpValue, elements, intval, is_numeric, strval
from bitrix_chat.portal.refusal import Refusal, type_error
from bitrix_chat.portal.state import Bot
from bitrix_chat.portal.views import bot_object, chat_with_context, user_object

METHODS: Final = MethodTable()


def own_bot(call: Invocation) -> Bot:
    """Return the bot that the call is made for.

    Raises:
        Refusal: BOT_TOKEN_NOT_SPECIFIED, BOT_ID_REQUIRED, BOT_NOT_FOUND or BOT_OWNERSHIP_ERROR, in this order.
    """
    owner = application(call)
    bot_id = intval(either_spelling(call.params, "botId"))
    if not bot_id:
        raise Refusal("BOT_ID_REQUIRED", "botId is required")
    bot = call.state.bots.get(bot_id)
    if bot is None:
        raise Refusal("BOT_NOT_FOUND", "Bot not found")
    if bot.application != owner:
        raise Refusal("BOT_OWNERSHIP_ERROR", "Bot was installed by another rest application")
    return bot


@METHODS.add("imbot.v2.Revision.get", scope="imbot")
def revision_get(_: Invocation) -> dict[str, int]:
    """Tell the API revisions; needs no bot (REST method `imbot.v2.Revision.get`)."""
    return {"rest": 36, "web": 130, "mobile": 23, "desktop": 6}


@METHODS.add("imbot.v2.Bot.register", scope="imbot")
def bot_register(call: Invocation) -> dict[str, Any]:
    """Register a bot; its code again answers the bot there is (REST method `imbot.v2.Bot.register`)."""
    fields = bound_array(call.params, "fields", required=True)
    return described(call.state, register_bot(call, fields), owned=True)


@METHODS.add("imbot.v2.Bot.get", scope="imbot")
def bot_get(call: Invocation) -> dict[str, Any]:
    """Show any bot of the portal, by id or code (REST method `imbot.v2.Bot.get`)."""
    owner = application(call)
    bot_id, code = intval(either_spelling(call.params, "botId")), strval(call.params.get("code"))
    if not bot_id and not code:
        raise Refusal("PARAMS_REQUIRED", "botId or code is required")
    for bot in call.state.bots.values():
        if bot.id == bot_id or (not bot_id and bot.code == code):
            return described(call.state, bot, owned=bot.application == owner)
    raise Refusal("BOT_NOT_FOUND", "Bot not found")


@METHODS.add("imbot.v2.Bot.list", scope="imbot")
def bot_list(call: Invocation) -> dict[str, Any]:
    """List the application's bots; pages are inside the result (REST method `imbot.v2.Bot.list`)."""
    owner = application(call)
    kind = bound_array(call.params, "filter").get("type")
    limit, offset = bound_int(call.params, "limit", 50), bound_int(call.params, "offset", 0)
    bots = [bot for bot in call.state.bots.values() if bot.application == owner and kind in {None, bot.type}]
    page = bots[offset : offset + limit]
    return {
        "bots": [bot_object(bot, owned=True) for bot in page],
        "users": [user_object(call.state.users[bot.id]) for bot in page],
        "hasNextPage": len(bots) > offset + limit,
    }


@METHODS.add("imbot.v2.Bot.unregister", scope="imbot")
def bot_unregister(call: Invocation) -> dict[str, bool]:
    """Remove a bot; its account stays, dismissed (REST method `imbot.v2.Bot.unregister`)."""
    bot = own_bot(call)
    del call.state.bots[bot.id]
    call.state.users[bot.id].active = False
    return {"result": True}


@METHODS.add("imbot.v2.Chat.get", scope="imbot")
def chat_get(call: Invocation) -> dict[str, Any]:
    """Show a chat of the bot (REST method `imbot.v2.Chat.get`)."""
    bot = own_bot(call)
    chat = dialog_of_bot(call, bot, bound_text(call.params, "dialogId"))
    return chat_with_context(call.state, chat, bot.id)


@METHODS.add("imbot.v2.Chat.add", scope="imbot")
def chat_add(call: Invocation) -> dict[str, Any]:
    """Create a chat of the bot; `fields.message` is never posted (REST method `imbot.v2.Chat.add`)."""
    bot = own_bot(call)
    if call.state.users[call.caller.user_id].extranet:
        raise Refusal("ACCESS_DENIED", "Access denied")
    raw = call.params.get("fields")
    _check_avatar_file(call, raw.get("avatar") if isinstance(raw, dict) else None)
    fields = bound_array(call.params, "fields")
    try:
        chat = create_chat(call.state, _new_chat(bot, fields))
    except EntityTooLongError:
        raise Refusal("CREATION_ERROR", "Chat can't be created") from None
    bot.counts["Chat"] += 1
    return chat_with_context(call.state, chat, bot.id)


def _new_chat(bot: Bot, fields: dict[str, PhpValue]) -> NewChat:
    owner = either_spelling(fields, "ownerId")
    return NewChat(
        owner=bot.id if owner is None else intval(owner),
        author=bot.id,
        title=_text(fields, "title"),
        description=_text(fields, "description"),
        color=_color(either_spelling(fields, "color")),
        kind="open" if either_spelling(fields, "type") == "open" else "chat",
        user_ids=_user_ids(either_spelling(fields, "userIds")),
        entity_type=_text(fields, "entityType"),
        entity_id=_text(fields, "entityId"),
        avatar=_avatar(either_spelling(fields, "avatar")),
    )


def _text(fields: dict[str, PhpValue], name: str) -> str:
    value = either_spelling(fields, name)
    if isinstance(value, list | dict):
        raise type_error("trim()", "string", value)
    return strval(value)


def _color(value: PhpValue) -> str | None:
    """Take a colour in three spellings; what is no colour counts as absent, what is no text kills the call."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise type_error("normalizeColorCode()", "?string", value)
    return safe_color(upper_snake(value))


def _user_ids(value: PhpValue) -> tuple[int, ...]:
    if value is None:
        return ()
    if not isinstance(value, list | dict):
        raise type_error("array_map()", "array", value)
    return tuple(intval(user_id) for user_id in elements(value))


def _avatar(value: PhpValue) -> bool:
    """Take a file id or base64; an image that does not fit is dropped, an array kills the call."""
    if isinstance(value, list | dict):
        raise type_error("saveAvatarByString()", "string", value)
    return is_numeric(value) or (isinstance(value, str) and is_avatar(value))


def _check_avatar_file(call: Invocation, value: PhpValue) -> None:
    """Check a file id before the action; the filter knows the camelCase spelling alone."""
    if not is_numeric(value):
        return
    kind = call.state.files.get(intval(value))
    if kind is None:
        raise Refusal("WRONG_PARAMETER", "File is not accessible")
    if not kind.startswith("image/"):
        raise Refusal("WRONG_PARAMETER", "Wrong file type")
