"""Whether people may write to a bot's chat: `imbot.v2.Chat.TextField.*`."""

from bitrix_chat.resources import arguments
from bitrix_chat.resources.answers import wrapped_done
from bitrix_chat.resources.arguments import DialogId
from bitrix_chat.resources.resource import BotScopedResource
from bitrix_chat.rest.call import Call

_enabled = wrapped_done("imbot.v2.Chat.TextField.enabled")


class TextFieldResource(BotScopedResource):
    """`bot.chat.text_field`: whether people may type in a chat with the bot."""

    def enabled(self, dialog_id: DialogId, *, enabled: bool = True) -> Call[bool]:
        """Show the input field, or hide it so that people can only press buttons; also in private chats.

        Raises:
            AccessDenied: the bot is no member.

        Source: `imbot.v2.Chat.TextField.enabled` (scope `imbot`).
        """
        params = {
            **self._bot,
            "dialogId": arguments.dialog_id("dialog_id", dialog_id),
            "enabled": arguments.required("enabled", arguments.flag("enabled", enabled)),
        }
        return self._camel("imbot.v2.Chat.TextField.enabled", params, _enabled)
