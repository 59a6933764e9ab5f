"""`imbot.v2.Command.*`: the slash commands of a bot."""

from typing import Any, Final

from bitrix_chat.portal.commands import BUILT_IN, Command
from bitrix_chat.portal.messages import Extras
from bitrix_chat.portal.methods.arguments import bound_array, bound_id, bound_text, either_spelling, is_yes
from bitrix_chat.portal.methods.bot_messages import sent_params, signed, text_of
from bitrix_chat.portal.methods.chatbots import own_bot
from bitrix_chat.portal.methods.dialogs import dialog_of_anybody
from bitrix_chat.portal.methods.registry import Invocation, MethodTable
from bitrix_chat.portal.methods.sending import shortened
from bitrix_chat.portal.php import PhpValue, entries, strval
from bitrix_chat.portal.refusal import Refusal
from bitrix_chat.portal.state import Bot, PortalState

METHODS: Final = MethodTable()

_LANGUAGE: Final = "en"
_FLAGS: Final = {"common": "common", "hidden": "hidden", "extranetSupport": "extranet"}


@METHODS.add("imbot.v2.Command.register", scope="imbot")
def command_register(call: Invocation) -> dict[str, Any]:
    """Register a command; a name that is registered answers what there is (REST method `imbot.v2.Command.register`).

    Until 30.09.2026 the fields may also stand beside `botId`, without `fields` around them.
    """
    bot = own_bot(call)
    flat = call.params.get("fields") is None and either_spelling(call.params, "command") is not None
    fields = call.params if flat else bound_array(call.params, "fields", required=True)
    name = _name(fields)
    if not name:
        raise Refusal("COMMAND_REQUIRED", "Command is required")
    titles = _translations({}, either_spelling(fields, "title"))
    if not titles and not is_yes(either_spelling(fields, "hidden")):
        raise Refusal("COMMAND_TITLE_REQUIRED", "Command title is required")
    existing = call.state.commands.named(bot.id, name)
    if existing is not None:
        return {"command": _object(existing)}
    command = call.state.commands.add(bot.id, name)
    command.titles, command.params = titles, _translations({}, either_spelling(fields, "params"))
    _set_flags(command, fields)
    return {"command": _object(command)}


def _name(fields: dict[str, PhpValue]) -> str:
    """Read the name of a command, without its slash.

    Raises:
        Refusal: COMMAND_NAME_INVALID, it is no text.
    """
    value = either_spelling(fields, "command")
    if value is not None and not isinstance(value, str):
        raise Refusal("COMMAND_NAME_INVALID", "Command name is invalid")
    return strval(value).strip().removeprefix("/")


def _translations(known: dict[str, str], value: PhpValue) -> dict[str, str]:
    """Put texts by language over those there are; null takes one away."""
    changes = entries(value) if isinstance(value, list | dict) else []
    merged = dict(known) | {language: None if text is None else strval(text) for language, text in changes}
    return {language: text for language, text in merged.items() if text}


def _set_flags(command: Command, fields: dict[str, PhpValue]) -> None:
    for name, attribute in _FLAGS.items():
        value = either_spelling(fields, name)
        if value is not None:
            setattr(command, attribute, is_yes(value))


def _object(command: Command) -> dict[str, Any]:
    return {
        "id": command.id,
        "botId": command.bot_id,
        "command": f"/{command.name}",
        "common": command.common,
        "hidden": command.hidden,
        "extranetSupport": command.extranet,
    }


@METHODS.add("imbot.v2.Command.update", scope="imbot")
def command_update(call: Invocation) -> dict[str, Any]:
    """Change a command; a null text deletes a translation (REST method `imbot.v2.Command.update`)."""
    bot = own_bot(call)
    command = _own(call, bot)
    fields = bound_array(call.params, "fields", required=True)
    name = _new_name(call.state, command, fields)
    title = either_spelling(fields, "title")
    if title is not None and not isinstance(title, list | dict):
        raise Refusal("COMMAND_TITLE_INVALID", "Command title is invalid")
    command.name = name
    command.titles = _translations(command.titles, title)
    command.params = _translations(command.params, either_spelling(fields, "params"))
    _set_flags(command, fields)
    return {"command": _object(command)}


def _new_name(state: PortalState, command: Command, fields: dict[str, PhpValue]) -> str:
    if either_spelling(fields, "command") is None:
        return command.name
    name = _name(fields)
    if not name:
        raise Refusal("COMMAND_NAME_EMPTY", "Command name is empty")
    other = state.commands.named(command.bot_id, name)
    if other is not None and other is not command:
        raise Refusal("COMMAND_ALREADY_EXISTS", "Command already exists")
    return name


def _own(call: Invocation, bot: Bot) -> Command:
    command = call.state.commands.own(bot.id, bound_id(call.params, "commandId"))
    if command is None:
        raise Refusal("COMMAND_NOT_FOUND", "Command not found")
    return command


@METHODS.add("imbot.v2.Command.unregister", scope="imbot")
def command_unregister(call: Invocation) -> dict[str, bool]:
    """Remove a command (REST method `imbot.v2.Command.unregister`)."""
    call.state.commands.remove(_own(call, own_bot(call)))
    return {"result": True}


@METHODS.add("imbot.v2.Command.list", scope="imbot")
def command_list(call: Invocation) -> dict[str, Any]:
    """List the bot's commands among those of the portal, which have words for ids and belong to no bot.

    The flags are `Y` and `N` here, and one of them has another name (REST method `imbot.v2.Command.list`).
    """
    bot = own_bot(call)
    category = call.state.users[bot.id].name
    built_in = [_listed(name, None, name, (title, params), common=True) for name, title, params in BUILT_IN]
    own = [
        _listed(
            command.id,
            bot.id,
            command.name,
            (_text(command.titles), _text(command.params)),
            common=command.common,
            extranet=command.extranet,
            category=category,
        )
        for command in call.state.commands.of(bot.id)
    ]
    return {"commands": built_in + own}


def _listed(
    command_id: int | str,
    bot_id: int | None,
    name: str,
    texts: tuple[str, str],
    *,
    common: bool,
    extranet: bool = True,
    category: str = "Chat",
) -> dict[str, Any]:
    return {
        "id": command_id,
        "botId": bot_id,
        "command": f"/{name}",
        "title": texts[0],
        "params": texts[1],
        "common": "Y" if common else "N",
        "extranet": "Y" if extranet else "N",
        "category": category,
        "context": "",
    }


def _text(translations: dict[str, str]) -> str:
    return translations.get(_LANGUAGE) or next(iter(translations.values()), "")


@METHODS.add("imbot.v2.Command.answer", scope="imbot")
def command_answer(call: Invocation) -> dict[str, bool]:
    """Answer a command, in any chat, the bot's or not (REST method `imbot.v2.Command.answer`)."""
    bot = own_bot(call)
    _own(call, bot)
    message = call.state.messages.get(bound_id(call.params, "messageId"))
    chat = dialog_of_anybody(call, bot.id, bound_text(call.params, "dialogId"))
    fields = bound_array(call.params, "fields")
    text, params = text_of(fields), sent_params(fields)
    if message is None or message.chat_id != chat.id or not (text or "ATTACH" in params):
        raise Refusal("COMMAND_ANSWER_FAILED", "Command answer failed")
    system = is_yes(either_spelling(fields, "system"))
    answer = shortened(signed(call, text, system=system))
    call.state.post(chat, bot.id, answer, system=system, extras=Extras(params=params))
    bot.counts["Message"] += 1
    return {"result": True}
