"""Messages that a user writes, changes and likes: `im.message.*`."""

from typing import Final, Literal

from bitrix_chat.converters import SNAKE_ANSWERS, decoder
from bitrix_chat.enums import LikeAction, ShareTarget
from bitrix_chat.errors import InvalidParameter
from bitrix_chat.models.attachment import AttachmentLike, attachment_wire
from bitrix_chat.models.keyboard import KeyboardLike, keyboard_wire
from bitrix_chat.models.menu import MenuLike, menu_wire
from bitrix_chat.resources import arguments
from bitrix_chat.resources.answers import done
from bitrix_chat.resources.arguments import DialogId, Id
from bitrix_chat.resources.resource import Resource
from bitrix_chat.resources.template_id import drawn_at
from bitrix_chat.resources.template_id import template_id as checked_template_id
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.literal import Verbatim
from bitrix_chat.rest.request import Safety

_message_id = decoder(SNAKE_ANSWERS, int, "im.message.add")
_updated = done("im.message.update")
_deleted = done("im.message.delete")
_liked = done("im.message.like")
_run = done("im.message.command")
_shared = done("im.message.share")

_REMOVED: Final = "N"


class MessageResource(Resource):
    """`b24.im.message`: messages of the user; those of a bot are on `b24.bot(...)`."""

    def add(
        self,
        dialog_id: DialogId,
        message: str | None = None,
        *,
        attach: AttachmentLike | None = None,
        keyboard: KeyboardLike | None = None,
        menu: MenuLike | None = None,
        system: bool | None = None,
        url_preview: bool | None = None,
        reply_to: Id | None = None,
        template_id: str | None = None,
    ) -> Call[int]:
        """Send a message and return its id.

        Args:
            dialog_id: `chat5`, or `5` for a user; the private chat is created if there is none.
            message: the text, at most 20,000 characters; needed unless there is an `attach`.
            attach: structured content below the text.
            keyboard: buttons below the message.
            menu: items in its context menu.
            system: shown as a message of the portal rather than the caller's; such a one has no template id, and is
                not repeated where its outcome is unknown.
            url_preview: preview the first link; true by default.
            reply_to: the message that this one answers, in the same dialog.
            template_id: a lower-case UUIDv4 under which the portal sends once in 31 days, answering the same id
                again; one is drawn as the call starts where it is missing. Undocumented.

        Raises:
            InvalidParameter: a value that the portal would refuse, drop or cut; nothing was sent.
            AccessDenied: the caller may not write there, or may not read what it answers.

        Source: `im.message.add` (scope `im`).
        """
        if system and template_id is not None:
            raise InvalidParameter("`template_id` is given with system=True, where the portal does not look at it")
        params = {
            "DIALOG_ID": arguments.im_dialog_id("dialog_id", dialog_id),
            "MESSAGE": arguments.text("message", message, arguments.MAX_MESSAGE),
            "ATTACH": Verbatim.of(attachment_wire(attach)),
            "KEYBOARD": Verbatim.of(keyboard_wire(keyboard)),
            "MENU": Verbatim.of(menu_wire(menu)),
            "SYSTEM": arguments.flag("system", system),
            "URL_PREVIEW": arguments.flag("url_preview", url_preview),
            "REPLY_ID": None if reply_to is None else arguments.positive_id("reply_to", reply_to),
            "TEMPLATE_ID": checked_template_id("template_id", template_id),
        }
        if not (message or "").strip() and not params["ATTACH"]:
            raise InvalidParameter("there is no message: `message` or `attach` is needed")
        return self._upper(
            "im.message.add",
            params,
            _message_id,
            safety=Safety.CREATE if system else None,
            draw=None if system or template_id is not None else drawn_at("TEMPLATE_ID"),
        )

    def update(
        self,
        message_id: Id,
        message: str | None = None,
        *,
        attach: AttachmentLike | Literal[False] | None = None,
        keyboard: KeyboardLike | Literal[False] | None = None,
        menu: MenuLike | Literal[False] | None = None,
        url_preview: bool | None = None,
        is_edited: bool | None = None,
    ) -> Call[bool]:
        """Change a message of the caller's; what is not given stays as it is.

        Args:
            message_id: the message.
            message: the new text, at most 20,000 characters.
            attach: another attachment; False removes it.
            keyboard: other buttons; False removes them.
            menu: another context menu; False removes it.
            url_preview: preview the first link.
            is_edited: mark the message as changed; true by default.

        Raises:
            InvalidParameter: nothing is given, or an empty text, by which portals have deleted messages.
            AccessDenied: it is not the caller's, or too old to be changed.

        Source: `im.message.update` (scope `im`).
        """
        arguments.at_least_one(message=message, attach=attach, keyboard=keyboard, menu=menu, url_preview=url_preview)
        params = {
            "MESSAGE_ID": arguments.positive_id("message_id", message_id),
            "MESSAGE": arguments.text("message", message, arguments.MAX_MESSAGE),
            "ATTACH": _REMOVED if attach is False else Verbatim.of(attachment_wire(attach)),
            "KEYBOARD": _REMOVED if keyboard is False else Verbatim.of(keyboard_wire(keyboard)),
            "MENU": _REMOVED if menu is False else Verbatim.of(menu_wire(menu)),
            "URL_PREVIEW": arguments.flag("url_preview", url_preview),
            "IS_EDITED": arguments.flag("is_edited", is_edited),
        }
        if message is not None and not message.strip():
            raise InvalidParameter("`message` is empty; use `delete` to remove a message")
        return self._upper("im.message.update", params, _updated)

    def delete(self, message_id: Id) -> Call[bool]:
        """Delete a message of the caller's.

        Raises:
            AccessDenied: it is not the caller's, or too old to be deleted.

        Source: `im.message.delete` (scope `im`).
        """
        params = {"MESSAGE_ID": arguments.positive_id("message_id", message_id)}
        return self._upper("im.message.delete", params, _deleted)

    def like(self, message_id: Id, *, action: LikeAction | str | None = None) -> Call[bool]:
        """Like a message or take the like back; without an action the portal turns it over.

        With `plus` or `minus` a call of unknown outcome is repeated, without either it is not.

        Raises:
            RequestError: nothing changed (`WITHOUT_CHANGES`).

        Source: `im.message.like` (scope `im`).
        """
        wanted = arguments.choice("action", LikeAction, action)
        params = {"MESSAGE_ID": arguments.positive_id("message_id", message_id), "ACTION": wanted}
        turns_over = wanted in (None, LikeAction.AUTO)
        return self._upper("im.message.like", params, _liked, safety=None if turns_over else Safety.IDEMPOTENT)

    def command(self, message_id: Id, *, bot_id: Id, command: str, command_params: str | None = None) -> Call[bool]:
        """Run a bot's command on a message, as a press of its button does, every time.

        Args:
            message_id: the message.
            bot_id: whose command.
            command: its name, without the slash.
            command_params: what the bot gets with it.

        Source: `im.message.command` (scope `im`).
        """
        params = {
            "MESSAGE_ID": arguments.positive_id("message_id", message_id),
            "BOT_ID": arguments.positive_id("bot_id", bot_id),
            "COMMAND": arguments.required_text("command", command),
            "COMMAND_PARAMS": arguments.text("command_params", command_params),
        }
        return self._upper("im.message.command", params, _run)

    def share(
        self,
        message_id: Id,
        dialog_id: DialogId,
        *,
        type: ShareTarget | str,  # noqa: A002  # the portal's word
    ) -> Call[bool]:
        """Make a message into a chat, a task, a post or an event, another one every time.

        Raises:
            AccessDenied: the caller may not read the dialog.

        Source: `im.message.share` (scope `im`).
        """
        params = {
            "MESSAGE_ID": arguments.positive_id("message_id", message_id),
            "DIALOG_ID": arguments.im_dialog_id("dialog_id", dialog_id),
            "TYPE": arguments.required("type", arguments.choice("type", ShareTarget, type)),
        }
        return self._upper("im.message.share", params, _shared)
