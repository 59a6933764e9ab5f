"""Dialog ids as the V2 controllers resolve them: `chatN` is a chat, N a user."""

from bitrix_chat.portal.methods.registry import Invocation
from bitrix_chat.portal.refusal import Refusal
from bitrix_chat.portal.state import Bot, Chat


def dialog_of_bot(call: Invocation, bot: Bot, dialog_id: str) -> Chat:
    """Return a chat of which the bot is a member; a user's number opens the private chat with them.

    Raises:
        Refusal: CHAT_NOT_FOUND or ACCESS_DENIED.
    """
    if dialog_id.isdecimal() and call.state.is_active(int(dialog_id)):
        return call.state.private_chat(bot.id, int(dialog_id))
    number = dialog_id.removeprefix("chat")
    chat = call.state.chat(int(number)) if dialog_id != number and number.isdecimal() else None
    if chat is None:
        raise Refusal("CHAT_NOT_FOUND", "Chat not found")
    if bot.id not in chat.members:
        raise Refusal("ACCESS_DENIED", "Access denied")
    return chat
