"""A bot's reactions to messages: `imbot.v2.Chat.Message.Reaction.*`."""

from bitrix_chat.enums import Reaction
from bitrix_chat.resources import arguments
from bitrix_chat.resources.answers import wrapped_done
from bitrix_chat.resources.arguments import Id
from bitrix_chat.resources.resource import BotScopedResource, Decode
from bitrix_chat.rest.call import Call

_added = wrapped_done("imbot.v2.Chat.Message.Reaction.add")
_deleted = wrapped_done("imbot.v2.Chat.Message.Reaction.delete")


class ReactionResource(BotScopedResource):
    """`bot.chat.message.reaction`: reactions of one bot to messages."""

    def add(self, message_id: Id, reaction: Reaction | str) -> Call[bool]:
        """React to a message; a reaction that the portal knows and we do not is passed as it is.

        Raises:
            NothingChanged: the bot has reacted so already.
            AccessDenied: the bot is not in the message's chat.

        Source: `imbot.v2.Chat.Message.Reaction.add` (scope `imbot`).
        """
        return self._of("imbot.v2.Chat.Message.Reaction.add", message_id, reaction, _added)

    def delete(self, message_id: Id, reaction: Reaction | str) -> Call[bool]:
        """Take a reaction of the bot back.

        Raises:
            AccessDenied: the bot is not in the message's chat.

        Source: `imbot.v2.Chat.Message.Reaction.delete` (scope `imbot`).
        """
        return self._of("imbot.v2.Chat.Message.Reaction.delete", message_id, reaction, _deleted)

    def _of(self, method: str, message_id: Id, reaction: Reaction | str, decode: Decode[bool]) -> Call[bool]:
        params = {
            **self._bot,
            "messageId": arguments.positive_id("message_id", message_id),
            "reaction": arguments.open_choice("reaction", Reaction, reaction),
        }
        return self._camel(method, params, decode)
