"""Chats of people: the methods `im.*`, which act for the user of the webhook or token."""

from bitrix_chat.resources.im.chat import ChatResource
from bitrix_chat.resources.im.counters import CountersResource
from bitrix_chat.resources.im.department import DepartmentResource
from bitrix_chat.resources.im.dialog import DialogResource
from bitrix_chat.resources.im.disk import DiskResource
from bitrix_chat.resources.im.message import MessageResource
from bitrix_chat.resources.im.notify import NotifyResource
from bitrix_chat.resources.im.recent import RecentResource
from bitrix_chat.resources.im.revision import RevisionResource
from bitrix_chat.resources.im.search import SearchResource
from bitrix_chat.resources.im.user import UserResource
from bitrix_chat.resources.im.v2 import V2Resource
from bitrix_chat.resources.resource import Resource
from bitrix_chat.rest.request import Transport


class ImResource(Resource):
    """`b24.im`: chats, people and notifications, for the user of the webhook or token."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self.chat = ChatResource(transport)
        self.counters = CountersResource(transport)
        self.department = DepartmentResource(transport)
        self.dialog = DialogResource(transport)
        self.disk = DiskResource(transport)
        self.message = MessageResource(transport)
        self.notify = NotifyResource(transport)
        self.recent = RecentResource(transport)
        self.revision = RevisionResource(transport)
        self.search = SearchResource(transport)
        self.user = UserResource(transport)
        self.v2 = V2Resource(transport)


__all__ = [
    "ChatResource",
    "CountersResource",
    "DepartmentResource",
    "DialogResource",
    "DiskResource",
    "ImResource",
    "MessageResource",
    "NotifyResource",
    "RecentResource",
    "RevisionResource",
    "SearchResource",
    "UserResource",
    "V2Resource",
]
