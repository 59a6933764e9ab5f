"""Notifications: sent to people, and the caller's own: `im.notify` and below it."""

from collections.abc import AsyncGenerator
from typing import Any, Final, Literal

from attrs import field, frozen

from bitrix_chat.converters import SNAKE_ANSWERS, UPPER_ANSWERS, decoder
from bitrix_chat.enums import NotificationType
from bitrix_chat.errors import InvalidParameter
from bitrix_chat.models.attachment import AttachmentLike
from bitrix_chat.models.notification import Notification, NotificationModule, NotificationPage
from bitrix_chat.resources import arguments
from bitrix_chat.resources.answers import done
from bitrix_chat.resources.arguments import Id
from bitrix_chat.resources.im.notify_add import NotifyPersonalResource, NotifySystemResource, added, content
from bitrix_chat.resources.im.notify_history import NotifyHistoryResource
from bitrix_chat.resources.im.notify_read import NotifyReadResource
from bitrix_chat.resources.pagination import pages_by_cursor
from bitrix_chat.resources.resource import Decode, Resource
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.request import Transport

_MAX_PAGE: Final = 50
_DECISIONS: Final = 1
_OTHERS: Final = 3

Cursor = tuple[int, Literal[1, 3]]


@frozen
class _Reply:
    result_message: list[str] | None = field(default=None)


_notified = added("im.notify")
_page = decoder(SNAKE_ANSWERS, NotificationPage, "im.notify.get")
_schema = decoder(UPPER_ANSWERS, dict[str, NotificationModule], "im.notify.schema.get")
_deleted = done("im.notify.delete")


def _reply(method: str) -> Decode[list[str] | None]:
    reply = decoder(SNAKE_ANSWERS, _Reply, method)

    def decode(raw: Any) -> list[str] | None:
        return reply(raw).result_message

    return decode


_confirmed = _reply("im.notify.confirm")
_answered = _reply("im.notify.answer")


def _following(page: NotificationPage) -> Cursor | None:
    if not page.notifications:
        return None
    last = page.notifications[-1]
    return last.id, _DECISIONS if last.notify_type == _DECISIONS else _OTHERS


class NotifySchemaResource(Resource):
    """`b24.im.notify.schema`: the kinds of notifications there are."""

    def get(self) -> Call[dict[str, NotificationModule]]:
        """Get the kinds of notifications by the module that sends them. Source: `im.notify.schema.get` (scope `im`)."""
        return self._upper("im.notify.schema.get", {}, _schema)


class NotifyResource(Resource):
    """`b24.im.notify`: notifications of the caller; called, it sends one."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self.personal = NotifyPersonalResource(transport)
        self.system = NotifySystemResource(transport)
        self.read = NotifyReadResource(transport)
        self.history = NotifyHistoryResource(transport)
        self.schema = NotifySchemaResource(transport)

    def __call__(
        self,
        user_id: Id,
        message: str,
        *,
        type: NotificationType | str | None = None,  # noqa: A002  # the portal's word
        message_out: str | None = None,
        tag: str | None = None,
        sub_tag: str | None = None,
        attach: AttachmentLike | None = None,
        client_id: str | None = None,
    ) -> Call[int | None]:
        """Notify a user and return the notification's id; None where it reached nobody.

        Args:
            user_id: whom; a webhook or token may notify any user it knows.
            message: a text with BB code.
            type: in the caller's name (`USER`, the default) or in the portal's.
            message_out: the text for e-mail and push.
            tag: the notification that had it before is gone then.
            sub_tag: a second tag, to delete several by.
            attach: structured content, at most 60,000 characters as JSON.
            client_id: keeps a webhook's tags apart from others'; needed with a tag there, not with OAuth.

        Raises:
            MessageRefused: the attachment is wrong or too large, or the message is empty.

        Source: `im.notify` (scope `im`).
        """
        params = content(
            user_id, message, message_out=message_out, tag=tag, sub_tag=sub_tag, attach=attach, client_id=client_id
        )
        params["TYPE"] = arguments.choice("type", NotificationType, type)
        return self._upper("im.notify", params, _notified)

    def get(
        self,
        *,
        last_id: Id | None = None,
        last_type: Literal[1, 3] | None = None,
        limit: int | None = None,
        convert_text: bool | None = None,
    ) -> Call[NotificationPage]:
        """Get the caller's notifications: those that wait for a decision first, then the newest.

        Args:
            last_id: the last notification of the page before, together with
            last_type: 1 if that one waits for a decision (`notify_type` 1), else 3.
            limit: at most 50, the default.
            convert_text: with HTML in place of BB code.

        Raises:
            InvalidParameter: one of `last_id` and `last_type` is given alone.

        Source: `im.notify.get` (scope `im`).
        """
        if (last_id is None) is not (last_type is None):
            raise InvalidParameter("`last_id` and `last_type` are needed together", method="im.notify.get")
        if isinstance(last_type, bool) or last_type not in (None, _DECISIONS, _OTHERS):
            raise InvalidParameter(f"`last_type` is {last_type!r}, not 1 or 3", method="im.notify.get")
        params = {
            "LAST_ID": None if last_id is None else arguments.positive_id("last_id", last_id),
            "LAST_TYPE": last_type,
            "LIMIT": arguments.limit(limit, _MAX_PAGE),
            "CONVERT_TEXT": arguments.flag("convert_text", convert_text),
        }
        return self._upper("im.notify.get", params, _page)

    async def iter_notifications(
        self, *, limit: int = _MAX_PAGE, convert_text: bool | None = None
    ) -> AsyncGenerator[Notification, None]:
        """Yield all of the caller's notifications, reading pages of `limit` (at most 50) until an empty one.

        Raises:
            CursorStalled: the portal answers the same page again.

        Source: `im.notify.get` (scope `im`).
        """

        def make(cursor: Cursor | None) -> Call[NotificationPage]:
            last_id, last_type = cursor or (None, None)
            return self.get(last_id=last_id, last_type=last_type, limit=limit, convert_text=convert_text)

        async for page in pages_by_cursor(make, _following):
            for notification in page.notifications:
                yield notification

    def confirm(self, notification_id: Id, value: str) -> Call[list[str] | None]:
        """Press a button of a notification of the caller's and return what the portal says to it.

        None where there is nothing to press. Another module acts on it each time, so it is never repeated.

        Args:
            notification_id: one that waits for a decision.
            value: the button's, mostly `Y` or `N`.

        Source: `im.notify.confirm` (scope `im`).
        """
        params = {
            "NOTIFY_ID": arguments.positive_id("notification_id", notification_id),
            "NOTIFY_VALUE": arguments.required_text("value", value),
        }
        return self._upper("im.notify.confirm", params, _confirmed)

    def answer(self, notification_id: Id, text: str) -> Call[list[str] | None]:
        """Answer a notification that takes answers; None where it does not. Source: `im.notify.answer` (scope `im`)."""
        params = {
            "NOTIFY_ID": arguments.positive_id("notification_id", notification_id),
            "ANSWER_TEXT": arguments.required_text("text", text),
        }
        return self._upper("im.notify.answer", params, _answered)

    def delete(
        self,
        notification_id: Id | None = None,
        *,
        tag: str | None = None,
        sub_tag: str | None = None,
        client_id: str | None = None,
    ) -> Call[bool]:
        """Delete a notification of the caller's by its id, or everybody's that this application sent with a tag.

        Args:
            notification_id: the notification, or else
            tag: the tag it was sent with, or else
            sub_tag: the second tag.
            client_id: as it was given to the notification; needed with a webhook, not with OAuth.

        Raises:
            InvalidParameter: not exactly one of the first three is given.
            AccessDenied: a webhook did not name its `client_id`.

        Source: `im.notify.delete` (scope `im`).
        """
        arguments.exactly_one(notification_id=notification_id, tag=tag, sub_tag=sub_tag)
        params = {
            "ID": None if notification_id is None else arguments.positive_id("notification_id", notification_id),
            "TAG": None if tag is None else arguments.required_text("tag", tag),
            "SUB_TAG": None if sub_tag is None else arguments.required_text("sub_tag", sub_tag),
            "CLIENT_ID": None if client_id is None else arguments.required_text("client_id", client_id),
        }
        return self._upper("im.notify.delete", params, _deleted)
