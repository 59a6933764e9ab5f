"""One bot: its id and token, said once."""

from typing import Any

from bitrix_chat.resources import arguments
from bitrix_chat.resources.arguments import Id
from bitrix_chat.resources.imbot.chat import ChatResource
from bitrix_chat.resources.imbot.command import CommandResource
from bitrix_chat.resources.imbot.event import EventResource
from bitrix_chat.resources.imbot.file import FileResource
from bitrix_chat.rest.request import Transport
from bitrix_chat.rest.tracebacks import discreet


class BotHandle:
    """`b24.bot(456, token="...")`: what the bot does, on the paths of `imbot.v2`.

    Args:
        bot_id: the bot's id.
        token: the token it was registered with; needed with a webhook, not with OAuth.
    """

    @discreet
    def __init__(self, transport: Transport, bot_id: Id, token: str | None) -> None:
        self.id = arguments.positive_id("bot_id", bot_id)
        params: dict[str, Any] = {"botId": self.id}
        if (bot_token := arguments.bot_token(token)) is not None:
            params["botToken"] = bot_token
        self.chat = ChatResource(transport, params)
        self.command = CommandResource(transport, params)
        self.event = EventResource(transport, params)
        self.file = FileResource(transport, params)

    def __repr__(self) -> str:
        return f"<BotHandle {self.id}>"
