"""Messages that a bot sends and reads: `imbot.v2.Chat.Message.*`."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from bitrix_chat.converters import CAMEL_ANSWERS, decoder
from bitrix_chat.errors import InvalidParameter
from bitrix_chat.models.attachment import AttachmentLike
from bitrix_chat.models.keyboard import KeyboardLike
from bitrix_chat.models.message import MessageContext, MessageInfo, ReadReceipt, SentMessage
from bitrix_chat.resources import arguments
from bitrix_chat.resources import template_id as template_ids
from bitrix_chat.resources.answers import wrapped_done
from bitrix_chat.resources.arguments import DialogId, Id
from bitrix_chat.resources.imbot.message_content import content_fields, is_empty
from bitrix_chat.resources.imbot.reaction import ReactionResource
from bitrix_chat.resources.resource import BotScopedResource, Draw
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.request import Safety, Transport

_sent = decoder(CAMEL_ANSWERS, SentMessage, "imbot.v2.Chat.Message.send")
_updated = wrapped_done("imbot.v2.Chat.Message.update")
_deleted = wrapped_done("imbot.v2.Chat.Message.delete")
_got = decoder(CAMEL_ANSWERS, MessageInfo, "imbot.v2.Chat.Message.get")
_context = decoder(CAMEL_ANSWERS, MessageContext, "imbot.v2.Chat.Message.getContext")
_read = decoder(CAMEL_ANSWERS, ReadReceipt, "imbot.v2.Chat.Message.read")

_MAX_RANGE: Final = 50
_YES_NO: Final = {True: "Y", False: "N", None: None}


class MessageResource(BotScopedResource):
    """`bot.chat.message`: messages that one bot writes and reads."""

    def __init__(self, transport: Transport, bot: Mapping[str, Any]) -> None:
        super().__init__(transport, bot)
        self.reaction = ReactionResource(transport, bot)

    def send(
        self,
        dialog_id: DialogId,
        message: str | None = None,
        *,
        attach: AttachmentLike | None = None,
        keyboard: KeyboardLike | None = None,
        system: bool | None = None,
        url_preview: bool | None = None,
        reply_to: Id | None = None,
        template_id: str | None = None,
        forward_ids: Mapping[str, Id] | Iterable[Id] | None = None,
    ) -> Call[SentMessage]:
        """Send a message, or forward others; one that is sent again by the same template id is posted once.

        Messages that are forwarded without a text or attachment are not repeated where the outcome is unknown.

        Args:
            dialog_id: the chat, of which the bot is a member, or a user's id for the private chat.
            message: at most 20,000 characters, BB codes allowed.
            attach: blocks below the text.
            keyboard: buttons below the message; those with commands are the bot's.
            system: shown without the bot as its author. The portal takes no template id with it, so an attempt of
                unknown outcome is not repeated.
            url_preview: whether links are shown with a preview; true by default.
            reply_to: the message to quote.
            template_id: a lower-case UUIDv4 of your own, by which the portal knows the message for 31 days; without it
                one is drawn as the call starts.
            forward_ids: at most 100 messages to forward, as a map from UUIDs of your own, or plainly: then a UUID is
                drawn for each as the call starts.

        Raises:
            InvalidParameter: there is nothing to send, or something that the portal would cut or drop.
            AccessDenied: the bot is no member.
            MessageRefused: the portal does not take the attachment, the keyboard or the message to quote.
            MessageInProgress: the template id belongs to a message that is still on its way.

        Source: `imbot.v2.Chat.Message.send` (scope `imbot`).
        """
        if system and template_id is not None:
            raise InvalidParameter("`template_id` is given with system=True, where the portal does not look at it")
        fields = {
            **content_fields(self._bot, message, attach, keyboard, url_preview),
            "system": arguments.flag("system", system),
            "replyId": None if reply_to is None else arguments.positive_id("reply_to", reply_to),
            "templateId": template_ids.template_id("template_id", template_id),
            "forwardIds": _forwarded(forward_ids),
        }
        forwards_only = is_empty(fields)
        if forwards_only and not fields["forwardIds"]:
            raise InvalidParameter("there is no message: `message`, `attach` or `forward_ids` is needed")
        params = {**self._bot, "dialogId": arguments.dialog_id("dialog_id", dialog_id), "fields": fields}
        safety = Safety.CREATE if system or forwards_only else None
        return self._camel("imbot.v2.Chat.Message.send", params, _sent, safety=safety, draw=_drawn(fields))

    def update(
        self,
        message_id: Id,
        message: str | None = None,
        *,
        attach: AttachmentLike | None = None,
        keyboard: KeyboardLike | Literal[False] | None = None,
        url_preview: bool | None = None,
    ) -> Call[bool]:
        """Change a message of the bot's own; what is not given stays as it is.

        Args:
            message_id: the message.
            message: its new text, at most 20,000 characters.
            attach: blocks instead of those it has.
            keyboard: buttons instead of those it has; False removes them.
            url_preview: whether links are shown with a preview.

        Raises:
            InvalidParameter: nothing is given, or an empty text, by which portals have deleted messages.
            AccessDenied: the message is another's, or there is none.

        Source: `imbot.v2.Chat.Message.update` (scope `imbot`).
        """
        arguments.at_least_one(message=message, attach=attach, keyboard=keyboard, url_preview=url_preview)
        if isinstance(message, str) and not message.strip():
            raise InvalidParameter("`message` is empty; use `delete` to remove a message")
        shown: KeyboardLike | None = "N" if keyboard is False else keyboard
        fields = content_fields(self._bot, message, attach, shown, url_preview)
        fields["urlPreview"] = _YES_NO[url_preview]
        params = {**self._bot, "messageId": arguments.positive_id("message_id", message_id), "fields": fields}
        return self._camel("imbot.v2.Chat.Message.update", params, _updated)

    def delete(self, message_id: Id, *, complete: bool | None = None) -> Call[bool]:
        """Delete a message of the bot's own; True does not prove that there was one.

        Args:
            message_id: the message.
            complete: leave no "message deleted" in its place.

        Raises:
            AccessDenied: the message is another's, or there is none.

        Source: `imbot.v2.Chat.Message.delete` (scope `imbot`).
        """
        params = {
            **self._bot,
            "messageId": arguments.positive_id("message_id", message_id),
            "complete": arguments.flag("complete", complete),
        }
        return self._camel("imbot.v2.Chat.Message.delete", params, _deleted)

    def get(self, message_id: Id) -> Call[MessageInfo]:
        """Get a message and its author; only for bots of the types `supervisor` and `personal`.

        Raises:
            BotError: the bot is of another type.
            NotFound: there is no such message, or none that the bot may read.

        Source: `imbot.v2.Chat.Message.get` (scope `imbot`).
        """
        params = {**self._bot, "messageId": arguments.positive_id("message_id", message_id)}
        return self._camel("imbot.v2.Chat.Message.get", params, _got)

    def get_context(self, message_id: Id, *, range: int | None = None) -> Call[MessageContext]:  # noqa: A002  # the portal's word
        """Get a message with those around it; only for bots of the types `supervisor` and `personal`.

        Args:
            message_id: the message in the middle.
            range: how many messages before and after it, 50 at most and by default.

        Raises:
            BotError: the bot is of another type.
            NotFound: there is no such message, or none that the bot may read.

        Source: `imbot.v2.Chat.Message.getContext` (scope `imbot`).
        """
        params = {
            **self._bot,
            "messageId": arguments.positive_id("message_id", message_id),
            "range": None if range is None else arguments.whole_number("range", range, 1, _MAX_RANGE),
        }
        return self._camel("imbot.v2.Chat.Message.getContext", params, _context)

    def read(self, dialog_id: DialogId, message_id: Id | None = None) -> Call[ReadReceipt]:
        """Mark the messages of a chat as read, up to and including one, or all of them.

        Without `message_id` a call of unknown outcome is not repeated: it would mark what came meanwhile.

        Raises:
            AccessDenied: the bot is no member.
            NotFound: there is no such message in the chat.

        Source: `imbot.v2.Chat.Message.read` (scope `imbot`).
        """
        params = {
            **self._bot,
            "dialogId": arguments.dialog_id("dialog_id", dialog_id),
            "messageId": None if message_id is None else arguments.positive_id("message_id", message_id),
        }
        safety = None if message_id is None else Safety.IDEMPOTENT
        return self._camel("imbot.v2.Chat.Message.read", params, _read, safety=safety)


def _forwarded(forward_ids: Mapping[str, Id] | Iterable[Id] | None) -> dict[str, Id] | list[Id] | None:
    forwarded: dict[str, Id] | list[Id] | None
    if isinstance(forward_ids, Mapping):
        forwarded = {
            template_ids.required_template_id("a key of forward_ids", key): arguments.positive_id(
                f"forward_ids[{key}]", each
            )
            for key, each in forward_ids.items()
        }
    else:
        forwarded = arguments.positive_ids("forward_ids", forward_ids)
    if forwarded and len(forwarded) > arguments.MAX_FORWARDED:
        most = arguments.MAX_FORWARDED
        raise InvalidParameter(f"`forward_ids` has {len(forwarded)} messages, the portal forwards {most} at a time")
    return forwarded or None


def _drawn(fields: Mapping[str, Any]) -> Draw:
    draws: list[Draw] = []
    if fields["templateId"] is None and not fields["system"]:
        draws.append(template_ids.drawn_at("fields", "templateId"))
    if isinstance(fields["forwardIds"], list):
        draws.append(template_ids.drawn_keys_at("fields", "forwardIds"))
    return template_ids.in_turn(*draws)
