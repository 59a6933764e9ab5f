"""`im.chat.*`: chats on behalf of a person; parameters in any capitals, wrong ones dropped in silence."""

from typing import Any, Final

from bitrix_chat.portal.creation import EntityTooLongError, NewChat, create_chat, safe_color
from bitrix_chat.portal.images import is_avatar
from bitrix_chat.portal.methods.arguments import in_upper_case, parsed
from bitrix_chat.portal.methods.registry import Invocation, MethodTable
from bitrix_chat.portal.php import PhpValue, elements, intval, is_numeric, strval, truthy
from bitrix_chat.portal.refusal import FatalError, Refusal
from bitrix_chat.portal.state import Chat, PortalState
from bitrix_chat.portal.views import snake_chat_object

METHODS: Final = MethodTable()


@METHODS.add("im.chat.add", scope="im")
def chat_add(call: Invocation) -> int:
    """Create a chat of the caller and post its first message; answers the bare id (REST method `im.chat.add`)."""
    params = in_upper_case(call.params)
    user_ids = user_ids_of(params.get("USERS"))
    avatar = _avatar(params.get("AVATAR"))
    author = call.caller.user_id
    guest = call.state.users[author].extranet
    new = NewChat(
        owner=author,
        author=author,
        title=strval(params.get("TITLE")),
        description=strval(params.get("DESCRIPTION")),
        color=safe_color(strval(params.get("COLOR"))),
        kind="open" if params.get("TYPE") == "OPEN" else "chat",
        user_ids=user_ids,
        entity_type="" if guest else strval(params.get("ENTITY_TYPE")),
        entity_id="" if guest else strval(params.get("ENTITY_ID")),
        avatar=avatar,
    )
    try:
        chat = create_chat(call.state, new)
    except EntityTooLongError:
        raise Refusal("WRONG_REQUEST", "Chat can't be created") from None
    chat.copilot_role = strval(params.get("COPILOT_MAIN_ROLE"))
    if message := strval(params.get("MESSAGE")).strip():
        call.state.post(chat, author, message)
    return chat.id


def user_ids_of(value: PhpValue) -> tuple[int, ...]:
    """Read USERS: an array, or text that is one; anything else counts as empty.

    Raises:
        Refusal: INVALID_FORMAT, an element is neither a number nor text.
    """
    value = parsed(value)
    wanted = [user for user in elements(value) if truthy(user)] if isinstance(value, list | dict) else []
    if not all(isinstance(user, int | str) and not isinstance(user, bool) for user in wanted):
        raise Refusal("INVALID_FORMAT", "Parameter USERS has wrong type")
    return tuple(intval(user) for user in wanted)


def _avatar(value: PhpValue) -> bool:
    """Read AVATAR: a number is believed to be a file, an array kills the script."""
    if isinstance(value, list | dict):
        raise FatalError
    return is_numeric(value) or (isinstance(value, str) and is_avatar(value))


@METHODS.add("im.chat.get", scope="im")
def chat_get(call: Invocation) -> dict[str, Any] | None:
    """Find a chat by its entity, whoever asks; null when there is none (REST method `im.chat.get`)."""
    params = in_upper_case(call.params)
    if "DIALOG_ID" in params:
        return _chat_of_dialog(call, params["DIALOG_ID"])
    entity_type, entity_id = strval(params.get("ENTITY_TYPE")), strval(params.get("ENTITY_ID"))
    found = call.state.chat_ids_of(entity_type, entity_id) if entity_type and entity_id else []
    if not found:
        return None
    return {"ID": found[0] if call.state.policy.duplicate_lookup == "lowest" else found[-1]}


def _chat_of_dialog(call: Invocation, dialog_id: PhpValue) -> dict[str, Any]:
    """Answer the undocumented second form of `im.chat.get`."""
    chat = accessible(call, chat_id_of_dialog(dialog_id))
    return snake_chat_object(call.state, chat, call.caller.user_id)


def chat_id_of(params: dict[str, PhpValue]) -> int:
    """Return the chat that CHAT_ID or DIALOG_ID names.

    CHAT_ID is cast with `intval`, and PHP makes 1 of any array that is not empty: a batch reference to
    a command that failed leads to chat 1.

    Raises:
        Refusal: CHAT_ID_EMPTY or DIALOG_ID_EMPTY.
    """
    if "DIALOG_ID" in params:
        return chat_id_of_dialog(params["DIALOG_ID"])
    chat_id = intval(params.get("CHAT_ID"))
    if chat_id <= 0:
        raise Refusal("CHAT_ID_EMPTY", "Chat ID can't be empty")
    return chat_id


def chat_id_of_dialog(dialog_id: PhpValue) -> int:
    """Return N of `chatN`.

    Raises:
        Refusal: DIALOG_ID_EMPTY, it addresses no chat.
    """
    text = strval(dialog_id)
    if not (text.startswith("chat") and text[4:].isdecimal()):
        raise Refusal("DIALOG_ID_EMPTY", "Dialog ID can't be empty")
    return int(text[4:])


def accessible(call: Invocation, chat_id: int) -> Chat:
    """Return a chat that the caller may read: their own, or an open one.

    Raises:
        Refusal: ACCESS_ERROR, with 403.
    """
    chat = call.state.chat(chat_id)
    if chat is None or not may_enter(call.state, chat, call.caller.user_id):
        raise Refusal("ACCESS_ERROR", "You don't have access to this chat", 403)
    return chat


def may_enter(state: PortalState, chat: Chat, user_id: int) -> bool:
    """Tell whether the user may read the chat: as a member, or as an employee where it is open."""
    return user_id in chat.members or (chat.type == "open" and state.is_employee(user_id))
