"""Dialogs as one of their members sees them, group chats and private ones alike: `im.dialog.*`."""

from bitrix_chat.converters import SNAKE_ANSWERS, decoder
from bitrix_chat.models.chat import Chat
from bitrix_chat.resources import arguments
from bitrix_chat.resources.answers import done
from bitrix_chat.resources.arguments import DialogId, Id
from bitrix_chat.resources.im.dialog_messages import DialogMessagesResource
from bitrix_chat.resources.im.dialog_read import DialogReadResource
from bitrix_chat.resources.im.dialog_users import DialogUsersResource
from bitrix_chat.resources.resource import Resource
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.request import Transport

_got = decoder(SNAKE_ANSWERS, Chat, "im.dialog.get")
_unread = done("im.dialog.unread")
_announced = done("im.dialog.writing")


class DialogResource(Resource):
    """`b24.im.dialog`: dialogs of the user; a number for a dialog id opens the private chat with that user."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self.messages = DialogMessagesResource(transport)
        self.read = DialogReadResource(transport)
        self.users = DialogUsersResource(transport)

    def get(self, dialog_id: DialogId) -> Call[Chat]:
        """Get the chat behind a dialog.

        Raises:
            AccessDenied: there is no such dialog, or the caller may not read it.

        Source: `im.dialog.get` (scope `im`).
        """
        return self._upper("im.dialog.get", {"DIALOG_ID": arguments.im_dialog_id("dialog_id", dialog_id)}, _got)

    def unread(self, dialog_id: DialogId, message_id: Id) -> Call[bool]:
        """Mark a dialog as unread from a message on. Source: `im.dialog.unread` (scope `im`)."""
        params = {
            "DIALOG_ID": arguments.im_dialog_id("dialog_id", dialog_id),
            "MESSAGE_ID": arguments.positive_id("message_id", message_id),
        }
        return self._upper("im.dialog.unread", params, _unread)

    def writing(self, dialog_id: DialogId) -> Call[bool]:
        """Show the others for a moment that the caller is typing. Source: `im.dialog.writing` (scope `im`)."""
        return self._upper(
            "im.dialog.writing", {"DIALOG_ID": arguments.im_dialog_id("dialog_id", dialog_id)}, _announced
        )
