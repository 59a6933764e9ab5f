"""`imbot.v2.Chat.Message.Reaction.*`: the bot's own reactions."""

from typing import Final

from bitrix_chat.portal.editing import react, take_back
from bitrix_chat.portal.methods.arguments import bound_text
from bitrix_chat.portal.methods.bot_messages import message_of_bot
from bitrix_chat.portal.methods.chatbots import own_bot
from bitrix_chat.portal.methods.registry import Invocation, MethodTable
from bitrix_chat.portal.reactions import reaction_named
from bitrix_chat.portal.refusal import Refusal

METHODS: Final = MethodTable()


@METHODS.add("imbot.v2.Chat.Message.Reaction.add", scope="imbot")
def reaction_add(call: Invocation) -> dict[str, bool]:
    """React to a message (REST method `imbot.v2.Chat.Message.Reaction.add`)."""
    bot = own_bot(call)
    message = message_of_bot(call, bot)
    if not react(call.state, message, bot.id, _reaction(call)):
        raise Refusal("REACTION_ALREADY_SET", "Reaction already set")
    return {"result": True}


@METHODS.add("imbot.v2.Chat.Message.Reaction.delete", scope="imbot")
def reaction_delete(call: Invocation) -> dict[str, bool]:
    """Take a reaction back; one that was not set is not found (REST method `imbot.v2.Chat.Message.Reaction.delete`)."""
    bot = own_bot(call)
    message = message_of_bot(call, bot)
    if not take_back(call.state, message, bot.id, _reaction(call)):
        raise _not_found()
    return {"result": True}


def _reaction(call: Invocation) -> str:
    reaction = reaction_named(bound_text(call.params, "reaction"))
    if reaction is None:
        raise _not_found()
    return reaction


def _not_found() -> Refusal:
    return Refusal("REACTION_NOT_FOUND", "Reaction not found")
