"""What becomes of a command that somebody uses: its bot is told, and of the message it stands in no bot is."""

from typing import TYPE_CHECKING

from bitrix_chat.portal.commands import CommandUse
from bitrix_chat.portal.event_log import Happening

if TYPE_CHECKING:
    from bitrix_chat.portal.messages import Message
    from bitrix_chat.portal.state import Chat, PortalState


def commands_in(state: "PortalState", text: str, chat: "Chat", author: int) -> list[CommandUse]:
    """List the commands that a text uses if this author writes it; bots use none."""
    user = state.users.get(author)
    if user is None or user.bot:
        return []
    return state.commands.typed(text, chat, extranet=user.extranet)


def use_command(state: "PortalState", use: CommandUse, chat: "Chat", actor: int, message: "Message") -> None:
    """Tell a bot that its command was used, by typing `message` or by something that belongs to it."""
    bot = state.bots[use.command.bot_id]
    bot.counts["Command"] += 1
    details = {"command": use.shown()}
    state.events.tell(bot, Happening.COMMAND_ADD, chat, actor, message=message, details=details)
