"""What a bot seems to be doing: `imbot.v2.Chat.InputAction.*`."""

from typing import Final

from bitrix_chat.enums import StatusMessage
from bitrix_chat.resources import arguments
from bitrix_chat.resources.answers import wrapped_done
from bitrix_chat.resources.arguments import DialogId
from bitrix_chat.resources.resource import BotScopedResource
from bitrix_chat.rest.call import Call

_notified = wrapped_done("imbot.v2.Chat.InputAction.notify")

_MAX_SECONDS: Final = 600


class InputActionResource(BotScopedResource):
    """`bot.chat.input_action`: what the bot is doing, shown to the members of a chat."""

    def notify(
        self,
        dialog_id: DialogId,
        *,
        status_message_code: StatusMessage | str | None = None,
        duration: int | None = None,
    ) -> Call[bool]:
        """Show the chat that the bot is typing, or doing something else.

        Args:
            dialog_id: the chat, of which the bot is a member.
            status_message_code: what the bot is doing; typing where it is missing.
            duration: whole seconds to show it for, 1 to 600.

        Raises:
            AccessDenied: the bot is no member.

        Source: `imbot.v2.Chat.InputAction.notify` (scope `imbot`).
        """
        seconds = None if duration is None else arguments.whole_number("duration", duration, 1, _MAX_SECONDS)
        params = {
            **self._bot,
            "dialogId": arguments.dialog_id("dialog_id", dialog_id),
            "statusMessageCode": arguments.choice("status_message_code", StatusMessage, status_message_code),
            "duration": seconds,
        }
        return self._camel("imbot.v2.Chat.InputAction.notify", params, _notified)
