"""`im.message.like`, `command` and `share`: what people do with messages besides writing them."""

from typing import Final

from bitrix_chat.portal.command_uses import use_command
from bitrix_chat.portal.commands import CommandUse
from bitrix_chat.portal.creation import NewChat, create_chat
from bitrix_chat.portal.editing import chat_of, react, take_back
from bitrix_chat.portal.messages import LIKE, Message
from bitrix_chat.portal.methods.arguments import in_upper_case
from bitrix_chat.portal.methods.dialogs import dialog_of_caller
from bitrix_chat.portal.methods.messages import accessible_message, required_message_id
from bitrix_chat.portal.methods.registry import Invocation, MethodTable
from bitrix_chat.portal.php import intval, strval
from bitrix_chat.portal.refusal import Refusal
from bitrix_chat.portal.timing import iso

METHODS: Final = MethodTable()

_MADE_OF_A_MESSAGE: Final = {"TASK": "a task", "POST": "a post", "CALEND": "a calendar event"}


@METHODS.add("im.message.like", scope="im")
def message_like(call: Invocation) -> bool:
    """Like a message, or no longer; that nothing changes is an error (REST method `im.message.like`)."""
    params = in_upper_case(call.params)
    message = accessible_message(call, required_message_id(params))
    if message is None or not _like(call, message, strval(params.get("ACTION")).lower()):
        raise Refusal("WITHOUT_CHANGES", "Action completed without changes")
    return True


def _like(call: Invocation, message: Message, action: str) -> bool:
    user_id = call.caller.user_id
    if action not in {"plus", "minus"}:
        action = "minus" if user_id in message.reactions.get(LIKE, []) else "plus"
    return (react if action == "plus" else take_back)(call.state, message, user_id, LIKE)


@METHODS.add("im.message.command", scope="im")
def message_command(call: Invocation) -> bool:
    """Press a button: run a command of a bot that is in the chat (REST method `im.message.command`)."""
    params = in_upper_case(call.params)
    message_id, bot_id = required_message_id(params), intval(params.get("BOT_ID"))
    name = strval(params.get("COMMAND")).strip()
    if bot_id <= 0:
        raise Refusal("BOT_ID_ERROR", "Bot ID can't be empty")
    if not name:
        raise Refusal("COMMAND_ERROR", "Command can't be empty")
    arguments = strval(params.get("COMMAND_PARAMS"))
    run_command(call, message_id, bot_id=bot_id, name=name, params=arguments, context="keyboard")
    return True


def run_command(call: Invocation, message_id: int, *, bot_id: int, name: str, params: str, context: str) -> None:
    """Use a command by what a message offers for it; the event carries that message.

    Raises:
        Refusal: PARAMS_ERROR, the caller can't read the message or can't use the command there.
    """
    message, command = accessible_message(call, message_id), call.state.commands.named(bot_id, name)
    if message is None or command is None:
        raise Refusal("PARAMS_ERROR", "Incorrect params")
    chat, user_id = chat_of(call.state, message), call.caller.user_id
    if not command.is_open_to(chat, extranet=call.state.users[user_id].extranet):
        raise Refusal("PARAMS_ERROR", "Incorrect params")
    use_command(call.state, CommandUse(command, params, context), chat, user_id, message)


@METHODS.add("im.message.share", scope="im")
def message_share(call: Invocation) -> bool:
    """Make a chat, a task, a post or an event of a message (REST method `im.message.share`)."""
    params = in_upper_case(call.params)
    message_id = required_message_id(params)
    dialog_of_caller(call, params.get("DIALOG_ID"))
    message, kind = accessible_message(call, message_id), strval(params.get("TYPE"))
    if message is None or kind not in {"CHAT", *_MADE_OF_A_MESSAGE}:
        raise Refusal("PARAMS_ERROR", "Incorrect params")
    if kind == "CHAT":
        _discuss(call, message)
    made = _MADE_OF_A_MESSAGE.get(kind, "a chat")
    name = call.state.users[call.caller.user_id].name
    call.state.post(chat_of(call.state, message), 0, f"{name} created {made} from a message", system=True)
    return True


def _discuss(call: Invocation, message: Message) -> None:
    """Open a chat with everybody who could read the message, and quote it there."""
    caller = call.caller.user_id
    members = tuple(chat_of(call.state, message).members)
    chat = create_chat(call.state, NewChat(owner=caller, author=caller, title=message.text[:100], user_ids=members))
    author = call.state.users[message.byline].name if message.byline else "System message"
    rule = "-" * 54
    quote = f"{rule}\n{author} [{iso(message.created_at)}]\n{message.text}\n{rule}"
    call.state.post(chat, caller, quote)
