"""Slash commands of a bot: `imbot.v2.Command.*`."""

from collections.abc import Mapping
from typing import Any

from bitrix_chat.converters import CAMEL_ANSWERS, decoder
from bitrix_chat.errors import InvalidParameter
from bitrix_chat.models.attachment import AttachmentLike
from bitrix_chat.models.command import CommandInfo, CommandList
from bitrix_chat.models.keyboard import KeyboardLike
from bitrix_chat.resources import arguments
from bitrix_chat.resources.answers import wrapped_done
from bitrix_chat.resources.arguments import DialogId, Id
from bitrix_chat.resources.imbot.message_content import content_fields, is_empty
from bitrix_chat.resources.resource import BotScopedResource
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.literal import NULL

_registered = decoder(CAMEL_ANSWERS, CommandInfo, "imbot.v2.Command.register")
_updated = decoder(CAMEL_ANSWERS, CommandInfo, "imbot.v2.Command.update")
_unregistered = wrapped_done("imbot.v2.Command.unregister")
_answered = wrapped_done("imbot.v2.Command.answer")
_list = decoder(CAMEL_ANSWERS, CommandList, "imbot.v2.Command.list")


class CommandResource(BotScopedResource):
    """`bot.command`: slash commands of one bot."""

    def register(
        self,
        command: str,
        *,
        title: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        common: bool | None = None,
        hidden: bool | None = None,
        extranet_support: bool | None = None,
    ) -> Call[CommandInfo]:
        """Register a command; the same name again returns the command as it is, without updating it.

        Args:
            command: its name, without the slash.
            title: what it does, by language code: `{"en": "Show help"}`; needed unless it is hidden.
            params: what may follow it, by language code.
            common: works in every chat, not only where the bot is.
            hidden: not in the list that users see.
            extranet_support: guests may use it.

        Raises:
            InvalidParameter: the name is empty, or a command that users see has no title.
            CommandRefused: the portal does not take the name.

        Source: `imbot.v2.Command.register` (scope `imbot`).
        """
        if not hidden and title is None:
            raise InvalidParameter("`title` is needed for a command that is not hidden")
        fields = {
            "command": arguments.required_text("command", command),
            "title": _translations("title", title),
            "params": _translations("params", params),
            **_flags(common, hidden, extranet_support),
        }
        return self._camel("imbot.v2.Command.register", {**self._bot, "fields": fields}, _registered)

    def update(
        self,
        command_id: Id,
        *,
        command: str | None = None,
        title: Mapping[str, str | None] | None = None,
        params: Mapping[str, str | None] | None = None,
        common: bool | None = None,
        hidden: bool | None = None,
        extranet_support: bool | None = None,
    ) -> Call[CommandInfo]:
        """Change a command; what is not given stays as it is, also in the other languages.

        Args:
            command_id: the command.
            command: its new name, without the slash.
            title: what it does, by language code; None for a language removes the text there, which a batch cannot say.
            params: what may follow it, likewise.
            common: works in every chat, not only where the bot is.
            hidden: not in the list that users see.
            extranet_support: guests may use it.

        Raises:
            InvalidParameter: nothing is given, or an empty text.
            NotFound: the bot has no such command.
            CommandRefused: the portal does not take the name, or the bot has another command with it.

        Source: `imbot.v2.Command.update` (scope `imbot`).
        """
        arguments.at_least_one(
            command=command,
            title=title,
            params=params,
            common=common,
            hidden=hidden,
            extranet_support=extranet_support,
        )
        fields = {
            "command": None if command is None else arguments.required_text("command", command),
            "title": _translations("title", title, removable=True),
            "params": _translations("params", params, removable=True),
            **_flags(common, hidden, extranet_support),
        }
        request = {**self._bot, "commandId": arguments.positive_id("command_id", command_id), "fields": fields}
        return self._camel("imbot.v2.Command.update", request, _updated)

    def unregister(self, command_id: Id) -> Call[bool]:
        """Remove a command of the bot. Source: `imbot.v2.Command.unregister` (scope `imbot`)."""
        params = {**self._bot, "commandId": arguments.positive_id("command_id", command_id)}
        return self._camel("imbot.v2.Command.unregister", params, _unregistered)

    def answer(
        self,
        command_id: Id,
        message: str | None = None,
        *,
        message_id: Id,
        dialog_id: DialogId,
        attach: AttachmentLike | None = None,
        keyboard: KeyboardLike | None = None,
        system: bool | None = None,
        url_preview: bool | None = None,
    ) -> Call[bool]:
        """Answer a command that was given, also in a chat of which the bot is no member.

        The portal posts on every call: see `OutcomeUnknown` before a repetition.

        Args:
            command_id: the command.
            message: at most 20,000 characters, BB codes allowed.
            message_id: the message by which the command was given.
            dialog_id: the chat it was given in.
            attach: blocks below the text.
            keyboard: buttons below the message; those with commands are the bot's.
            system: shown without the bot as its author.
            url_preview: whether links are shown with a preview; true by default.

        Raises:
            InvalidParameter: there is nothing to send, or something that the portal would cut or drop.
            NotFound: the bot has no such command.
            CommandRefused: the portal could not send the answer.

        Source: `imbot.v2.Command.answer` (scope `imbot`).
        """
        fields = {
            **content_fields(self._bot, message, attach, keyboard, url_preview),
            "system": arguments.flag("system", system),
        }
        if is_empty(fields):
            raise InvalidParameter("there is no answer: `message` or `attach` is needed")
        params = {
            **self._bot,
            "commandId": arguments.positive_id("command_id", command_id),
            "messageId": arguments.positive_id("message_id", message_id),
            "dialogId": arguments.dialog_id("dialog_id", dialog_id),
            "fields": fields,
        }
        return self._camel("imbot.v2.Command.answer", params, _answered)

    def list(self) -> Call[CommandList]:
        """List the bot's commands, mixed with those that the portal brings along.

        Source: `imbot.v2.Command.list` (scope `imbot`).
        """
        return self._camel("imbot.v2.Command.list", self._bot, _listed)


def _listed(raw: Any) -> CommandList:
    # The list says `extranet` where the documentation and the other methods say `extranetSupport`.
    commands = raw.get("commands") if isinstance(raw, dict) else None
    if isinstance(commands, dict):
        commands = list(commands.values())
    if isinstance(commands, list):
        raw = {**raw, "commands": [_respelled(command) for command in commands]}
    return _list(raw)


def _respelled(command: Any) -> Any:
    if isinstance(command, dict) and "extranet" in command:
        return {"extranetSupport": command["extranet"], **command}
    return command


def _flags(common: bool | None, hidden: bool | None, extranet_support: bool | None) -> dict[str, Any]:  # noqa: FBT001
    return {
        "common": arguments.flag("common", common),
        "hidden": arguments.flag("hidden", hidden),
        "extranetSupport": arguments.flag("extranet_support", extranet_support),
    }


def _translations(
    name: str, texts: Mapping[str, str] | Mapping[str, str | None] | None, *, removable: bool = False
) -> dict[str, Any] | None:
    if texts is None:
        return None
    if not isinstance(texts, Mapping) or not texts:
        fault = "is empty" if isinstance(texts, Mapping) else f"is {type(texts).__name__}"
        raise InvalidParameter(
            f"`{name}` {fault}, not a map from language codes to texts such as {{'en': 'Show help'}}"
        )
    return {
        arguments.required_text(f"a language of {name}", language): (
            NULL if text is None and removable else arguments.required_text(f"{name}[{language}]", text or "")
        )
        for language, text in texts.items()
    }
