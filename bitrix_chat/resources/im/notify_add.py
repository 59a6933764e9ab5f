"""Telling a person something outside of chats: what `im.notify`, `.personal.add` and `.system.add` share."""

from collections.abc import Callable
from typing import Any

from bitrix_chat.converters import SNAKE_ANSWERS, decoder
from bitrix_chat.models.attachment import AttachmentLike, attachment_wire
from bitrix_chat.resources import arguments
from bitrix_chat.resources.arguments import Id
from bitrix_chat.resources.resource import Resource
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.literal import Verbatim


def added(method: str) -> Callable[[Any], int | None]:
    """Make the decoder of a notification's id, None where it reached nobody."""
    notification_id = decoder(SNAKE_ANSWERS, int, method)

    def decode(raw: Any) -> int | None:
        return None if raw is None or raw is False or raw == "" else notification_id(raw)

    return decode


def content(
    user_id: Id,
    message: str,
    *,
    message_out: str | None,
    tag: str | None,
    sub_tag: str | None,
    attach: AttachmentLike | None,
    client_id: str | None,
) -> dict[str, Any]:
    """Return the parameters of a notification."""
    return {
        "USER_ID": arguments.positive_id("user_id", user_id),
        "MESSAGE": arguments.required_text("message", message),
        "MESSAGE_OUT": arguments.text("message_out", message_out),
        "TAG": None if tag is None else arguments.required_text("tag", tag),
        "SUB_TAG": None if sub_tag is None else arguments.required_text("sub_tag", sub_tag),
        "ATTACH": Verbatim.of(attachment_wire(attach)),
        "CLIENT_ID": None if client_id is None else arguments.required_text("client_id", client_id),
    }


_personal = added("im.notify.personal.add")
_system = added("im.notify.system.add")


class NotifyPersonalResource(Resource):
    """`b24.im.notify.personal`: notifications in the caller's name."""

    def add(
        self,
        user_id: Id,
        message: str,
        *,
        message_out: str | None = None,
        tag: str | None = None,
        sub_tag: str | None = None,
        attach: AttachmentLike | None = None,
        client_id: str | None = None,
    ) -> Call[int | None]:
        """Notify a user in the caller's name, as `b24.im.notify` does; None where it reached nobody.

        Raises:
            MessageRefused: the attachment is wrong or too large, or the message is empty.

        Source: `im.notify.personal.add` (scope `im`).
        """
        params = content(
            user_id, message, message_out=message_out, tag=tag, sub_tag=sub_tag, attach=attach, client_id=client_id
        )
        return self._upper("im.notify.personal.add", params, _personal)


class NotifySystemResource(Resource):
    """`b24.im.notify.system`: notifications in the portal's name."""

    def add(
        self,
        user_id: Id,
        message: str,
        *,
        message_out: str | None = None,
        tag: str | None = None,
        sub_tag: str | None = None,
        attach: AttachmentLike | None = None,
        client_id: str | None = None,
    ) -> Call[int | None]:
        """Notify a user in the portal's name, as `b24.im.notify` does; None where it reached nobody.

        Raises:
            MessageRefused: the attachment is wrong or too large, or the message is empty.

        Source: `im.notify.system.add` (scope `im`).
        """
        params = content(
            user_id, message, message_out=message_out, tag=tag, sub_tag=sub_tag, attach=attach, client_id=client_id
        )
        return self._upper("im.notify.system.add", params, _system)
