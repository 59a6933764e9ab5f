"""Marking as read, one dialog or all of them: `im.dialog.read` and `im.dialog.read.all`."""

from typing import Any

from bitrix_chat.converters import CAMEL_ANSWERS, decoder
from bitrix_chat.models.dialog import ReadState
from bitrix_chat.resources import arguments
from bitrix_chat.resources.answers import done
from bitrix_chat.resources.arguments import DialogId, Id
from bitrix_chat.resources.resource import Resource
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.request import Safety

_read_state = decoder(CAMEL_ANSWERS, ReadState, "im.dialog.read")
_all_read = done("im.dialog.read.all")


def _read(raw: Any) -> ReadState | None:
    return _read_state(raw) if raw else None


class DialogReadResource(Resource):
    """`b24.im.dialog.read`: a method by itself, and the branch of `read.all`."""

    def __call__(self, dialog_id: DialogId, *, message_id: Id | None = None) -> Call[ReadState | None]:
        """Mark a dialog as read up to `message_id`, or all of it; None if the portal would not.

        Without `message_id` a call of unknown outcome is not repeated, nor is `all`: it would mark what came meanwhile.

        Source: `im.dialog.read` (scope `im`).
        """
        params = {
            "DIALOG_ID": arguments.im_dialog_id("dialog_id", dialog_id),
            "MESSAGE_ID": None if message_id is None else arguments.positive_id("message_id", message_id),
        }
        safety = None if message_id is None else Safety.IDEMPOTENT
        return self._upper("im.dialog.read", params, _read, safety=safety)

    def all(self) -> Call[bool]:
        """Mark every dialog of the user as read. Source: `im.dialog.read.all` (scope `im`)."""
        return self._upper("im.dialog.read.all", {}, _all_read)
