"""Chats of people: the methods `im.*`, which act for the user of the webhook or token."""

from bitrix_chat.resources.im.chat import ChatResource
from bitrix_chat.resources.resource import Resource
from bitrix_chat.rest.request import Transport


class ImResource(Resource):
    """The branch `im`: `b24.im`."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self.chat = ChatResource(transport)


__all__ = ["ChatResource", "ImResource"]
