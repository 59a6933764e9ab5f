"""`im.search.*`: by the beginnings of words, in what the caller may see; and whom they found lately."""

from functools import partial
from typing import Any, Final

from bitrix_chat.portal.legacy_views import department_object, search_history_item
from bitrix_chat.portal.methods.arguments import in_upper_case
from bitrix_chat.portal.methods.chats import may_enter
from bitrix_chat.portal.methods.dialogs import is_dialog_id
from bitrix_chat.portal.methods.paging import page
from bitrix_chat.portal.methods.registry import Invocation, MethodTable
from bitrix_chat.portal.php import PhpValue, intval, is_numeric, strval
from bitrix_chat.portal.refusal import Refusal
from bitrix_chat.portal.state import Chat, User
from bitrix_chat.portal.views import snake_chat_object, snake_user_object

METHODS: Final = MethodTable()

_SHORTEST: Final = 2
_PAGE: Final = 10
_MAX_PAGE: Final = 50
_OPEN_LINE: Final = "LINES"


def _phrase(value: PhpValue) -> str:
    """Return the text to find.

    Raises:
        Refusal: FIND_SHORT.
    """
    phrase = strval(value).strip().casefold()
    if len(phrase) < _SHORTEST:
        raise Refusal("FIND_SHORT", "Too short a search phrase.")
    return phrase


def _matches(phrase: str, *texts: str) -> bool:
    """Tell whether each word of the phrase begins a word of the texts."""
    words = " ".join(texts).casefold().split()
    return all(any(word.startswith(beginning) for word in words) for beginning in phrase.split())


@METHODS.add("im.search.user.list", scope="im")
def search_user_list(call: Invocation) -> dict[str, Any]:
    """Find active users and bots by name or position; an object keyed by id (REST method `im.search.user.list`)."""
    params = in_upper_case(call.params)
    phrase = _phrase(params.get("FIND"))
    found = [
        user
        for user in call.state.users.values()
        if _is_shown(call, user) and _matches(phrase, user.name, user.work_position)
    ]
    show = partial(snake_user_object, call.state)
    return page(params, found, show, default=_PAGE, maximum=_MAX_PAGE, key=lambda user: str(user.id))


def _is_shown(call: Invocation, user: User) -> bool:
    bot = call.state.bots.get(user.id)
    return user.active and call.state.sees(call.caller.user_id, user.id) and not (bot is not None and bot.hidden)


@METHODS.add("im.search.chat.list", scope="im")
def search_chat_list(call: Invocation) -> dict[str, Any]:
    """Find group chats by title: with FIND_LINES open lines, else all others (REST method `im.search.chat.list`)."""
    params = in_upper_case(call.params)
    lines = "FIND" not in params and "FIND_LINES" in params
    phrase = _phrase(params.get("FIND_LINES" if lines else "FIND"))
    found = [
        chat
        for chat in (call.state.general_chat, *call.state.chats.values())
        if (chat.entity_type == _OPEN_LINE) is lines and _may_find(call, chat) and _matches(phrase, chat.title)
    ]
    viewer = call.caller.user_id
    return page(
        params, found, lambda chat: snake_chat_object(call.state, chat, viewer), default=_PAGE, maximum=_MAX_PAGE
    )


def _may_find(call: Invocation, chat: Chat) -> bool:
    return chat.type != "private" and may_enter(call.state, chat, call.caller.user_id)


@METHODS.add("im.search.department.list", scope="im")
def search_department_list(call: Invocation) -> dict[str, Any]:
    """Find departments by name; guests find none (REST method `im.search.department.list`)."""
    params = in_upper_case(call.params)
    phrase = _phrase(params.get("FIND"))
    inside = call.state.is_employee(call.caller.user_id)
    found = [department for department in call.state.structure if inside and _matches(phrase, department.name)]
    show = partial(department_object, call.state, with_head=params.get("USER_DATA") == "Y")
    return page(params, found, show, default=_PAGE, maximum=_MAX_PAGE)


@METHODS.add("im.search.last.get", scope="im")
def search_last_get(call: Invocation) -> list[dict[str, Any]]:
    """List what the caller found and opened, the latest first (REST method `im.search.last.get`)."""
    params = in_upper_case(call.params)
    found = (_subject(call, dialog_id) for dialog_id in call.state.search_history.get(call.caller.user_id, []))
    viewer = call.caller.user_id
    return [
        search_history_item(call.state, subject, viewer)
        for subject in found
        if subject is not None and not _skipped(subject, params)
    ]


def _subject(call: Invocation, dialog_id: str) -> User | Chat | None:
    if not is_numeric(dialog_id):
        chat = call.state.chat(int(dialog_id.removeprefix("chat")))
        return chat if chat is not None and _may_find(call, chat) else None
    user = call.state.users.get(int(dialog_id))
    return user if user is not None and call.state.sees(call.caller.user_id, user.id) else None


def _skipped(subject: User | Chat, params: dict[str, PhpValue]) -> bool:
    if isinstance(subject, User):
        return params.get("SKIP_DIALOG") == "Y"
    return params.get("SKIP_OPENLINES" if subject.entity_type == _OPEN_LINE else "SKIP_CHAT") == "Y"


@METHODS.add("im.search.last.add", scope="im")
def search_last_add(call: Invocation) -> bool:
    """Put a dialog on top of what was found lately (REST method `im.search.last.add`)."""
    dialog_id = _found_dialog(call)
    history = call.state.search_history.setdefault(call.caller.user_id, [])
    history[:] = [dialog_id, *(other for other in history if other != dialog_id)]
    return True


@METHODS.add("im.search.last.delete", scope="im")
def search_last_delete(call: Invocation) -> bool:
    """Forget that a dialog was found; one that was not is fine too (REST method `im.search.last.delete`)."""
    dialog_id = _found_dialog(call)
    history = call.state.search_history.get(call.caller.user_id, [])
    history[:] = [other for other in history if other != dialog_id]
    return True


def _found_dialog(call: Invocation) -> str:
    dialog_id = in_upper_case(call.params).get("DIALOG_ID")
    if not is_dialog_id(dialog_id):
        raise Refusal("DIALOG_ID_EMPTY", "Dialog ID can't be empty")
    return str(intval(dialog_id)) if is_numeric(dialog_id) else strval(dialog_id)
