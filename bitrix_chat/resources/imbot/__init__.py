"""Bots and what they do: the methods `imbot.v2.*`."""

from bitrix_chat.resources.imbot.bot import BotResource
from bitrix_chat.resources.imbot.chat import ChatResource
from bitrix_chat.resources.imbot.handle import BotHandle
from bitrix_chat.resources.imbot.revision import RevisionResource
from bitrix_chat.resources.resource import Resource
from bitrix_chat.rest.request import Transport


class ImbotResource(Resource):
    """The branch `imbot.v2` without a bot: `b24.imbot`; what one bot does is on `b24.bot(id, token=...)`."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self.bot = BotResource(transport)
        self.revision = RevisionResource(transport)


__all__ = ["BotHandle", "BotResource", "ChatResource", "ImbotResource", "RevisionResource"]
