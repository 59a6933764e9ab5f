"""`imbot.v2.Bot.*`: bots, behind the strict binder of the controllers.

A bot belongs to an application: the client id of the access token or, over a webhook, `custom` and the
`botToken` of the call. A wrong token therefore looks like somebody else's bot.
"""

from typing import Any, Final

from bitrix_chat.portal.event_log import Happening
from bitrix_chat.portal.methods.arguments import bound_array, bound_int, either_spelling
from bitrix_chat.portal.methods.registration import application, described, register_bot, update_bot
from bitrix_chat.portal.methods.registry import Invocation, MethodTable
from bitrix_chat.portal.php import intval, strval
from bitrix_chat.portal.refusal import Refusal
from bitrix_chat.portal.state import Bot
from bitrix_chat.portal.views import bot_object, user_object

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


@METHODS.add("imbot.v2.Bot.update", scope="imbot")
def bot_update(call: Invocation) -> dict[str, Any]:
    """Change what is given of a bot, but never its code or type (REST method `imbot.v2.Bot.update`)."""
    bot = own_bot(call)
    update_bot(call, bot, bound_array(call.params, "fields", required=True))
    return described(call.state, bot, owned=True)


@METHODS.add("imbot.v2.Bot.unregister", scope="imbot")
def bot_unregister(call: Invocation) -> dict[str, bool]:
    """Remove a bot; its account stays, dismissed (REST method `imbot.v2.Bot.unregister`).

    Only a bot in webhook mode is told: the queue of one in fetch mode goes with it.
    """
    bot, state = own_bot(call), call.state
    state.events.tell(bot, Happening.BOT_DELETE, None, call.caller.user_id)
    del state.bots[bot.id]
    state.users[bot.id].active = False
    state.commands.forget(bot.id)
    state.events.forget(bot.id)
    return {"result": True}
