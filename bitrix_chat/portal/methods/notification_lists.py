"""`im.notify.*`, the reading half: a person's own notifications, and which of them count as read."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final

from bitrix_chat.portal.methods.arguments import ids_of, in_upper_case, parsed
from bitrix_chat.portal.methods.paging import limit_of
from bitrix_chat.portal.methods.registry import Invocation, MethodTable
from bitrix_chat.portal.notification_views import authors, notification_object
from bitrix_chat.portal.notifications import CONFIRMATIONS, Notification
from bitrix_chat.portal.php import PhpValue, elements, intval, is_numeric, strval
from bitrix_chat.portal.refusal import Refusal
from bitrix_chat.portal.timing import iso

METHODS: Final = MethodTable()

_PAGE: Final = 50
_MIN_SEARCH: Final = 3

Wanted = Callable[[Notification], bool]


@METHODS.add("im.notify.get", scope="im")
def get(call: Invocation) -> dict[str, Any]:
    """List the caller's notifications, those to be confirmed first; only the first page counts (`im.notify.get`)."""
    params = in_upper_case(call.params)
    last_id, last_type = params.get("LAST_ID"), params.get("LAST_TYPE")
    if (last_id is None) != (last_type is None):
        raise Refusal("LAST_ID_AND_LAST_TYPE", "Parameters LAST_ID and LAST_TYPE should be used together")
    own = call.state.notifications.of(call.caller.user_id)
    after = (0, 0) if last_id is None else (intval(last_type), -_last_id(last_id))
    page = [each for each in own if (each.rank, -each.id) > after][: limit_of(params, _PAGE, _PAGE)]
    counts = {"total_count": len(own), "total_unread_count": call.state.notifications.unread(call.caller.user_id)}
    return (counts if last_id is None else {}) | _page(call, page)


def _last_id(value: PhpValue) -> int:
    if not is_numeric(value):
        raise Refusal("LAST_ID_STRING", "Last notification ID can't be string")
    return intval(value)


def _page(call: Invocation, notifications: list[Notification]) -> dict[str, Any]:
    return {
        "chat_id": call.state.notifications.chat_id_of(call.caller.user_id),
        "notifications": [notification_object(call.state, each) for each in notifications],
        "users": authors(call.state, notifications),
    }


@METHODS.add("im.notify.read", scope="im")
def read(call: Invocation) -> bool:
    """Mark a notification, and all older ones unless ONLY_CURRENT is Y, as read or not (REST method `im.notify.read`).

    Without an id all are marked. What waits for a decision stays unread as long as it waits.
    """
    params = in_upper_case(call.params)
    wanted_id, alone = intval(params.get("ID")), params.get("ONLY_CURRENT") == "Y"
    for each in call.state.notifications.of(call.caller.user_id):
        if not wanted_id or each.id == wanted_id or (each.id < wanted_id and not alone):
            _mark(each, params)
    return True


@METHODS.add("im.notify.read.list", scope="im")
def read_list(call: Invocation) -> bool:
    """Mark several notifications as read or not (REST method `im.notify.read.list`)."""
    params = in_upper_case(call.params)
    ids = ids_of(params.get("IDS"))
    if not ids:
        raise Refusal("PARAMS_ERROR", "No IDS param or it is not an array")
    for each in call.state.notifications.of(call.caller.user_id):
        if each.id in ids:
            _mark(each, params)
    return True


def _mark(notification: Notification, params: dict[str, PhpValue]) -> None:
    if notification.rank != CONFIRMATIONS:
        notification.read = params.get("ACTION") != "N"


@METHODS.add("im.notify.read.all", scope="im")
def read_all(call: Invocation) -> dict[str, Any]:
    """Mark everything as read that waits for no decision (REST method `im.notify.read.all`)."""
    for each in call.state.notifications.of(call.caller.user_id):
        _mark(each, {})
    return {"result": True, "newCounter": call.state.notifications.unread(call.caller.user_id)}


@METHODS.add("im.notify.history.search", scope="im")
def history_search(call: Invocation) -> dict[str, Any]:
    """Search the caller's notifications, the newest first (REST method `im.notify.history.search`)."""
    params = in_upper_case(call.params)
    text, filters = strval(params.get("SEARCH_TEXT")).strip(), list(_filters(params))
    if len(text) < _MIN_SEARCH and not filters:
        raise Refusal("SEARCH_TEXT_ERROR", "SEARCH_TEXT can't be less than 3 symbols")
    own = call.state.notifications.of(call.caller.user_id)
    found = [each for each in own if text.lower() in each.text.lower() and all(wanted(each) for wanted in filters)]
    found.sort(key=lambda each: -each.id)
    if params.get("LAST_ID") is None:
        return {"total_results": len(found)} | _page(call, found[: limit_of(params, _PAGE, _PAGE)])
    last_id = _last_id(params["LAST_ID"])
    return _page(call, [each for each in found if each.id < last_id][: limit_of(params, _PAGE, _PAGE)])


def _filters(params: dict[str, PhpValue]) -> Iterator[Wanted]:
    """Read what narrows a search, apart from its text; what cannot be read narrows nothing."""
    types = {strval(kind) for kind in (params.get("SEARCH_TYPE"), *_array(params.get("SEARCH_TYPES"))) if kind}
    if types:
        yield lambda each: each.setting_name in types
    day = _moment(params.get("SEARCH_DATE"))
    if day is not None:
        yield lambda each: iso(each.date)[:10] == iso(day)[:10]
    since, until = _moment(params.get("SEARCH_DATE_FROM")), _moment(params.get("SEARCH_DATE_TO"))
    if since is not None and until is not None:
        yield lambda each: since <= each.date <= until
    senders = {intval(user_id) for user_id in _array(params.get("SEARCH_AUTHORS"))}
    if senders:
        yield lambda each: each.author in senders
    if group := strval(params.get("GROUP_TAG")):
        yield lambda each: f"|{each.sub_tag}".endswith(f"|{group}")


def _array(value: PhpValue) -> list[PhpValue]:
    array = parsed(value)
    return elements(array) if isinstance(array, list | dict) else []


def _moment(value: PhpValue) -> float | None:
    """Read an ISO date as unix seconds."""
    try:
        return datetime.fromisoformat(strval(value)).timestamp()
    except ValueError:
        return None
