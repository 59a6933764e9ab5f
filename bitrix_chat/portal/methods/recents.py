"""`im.recent.*`: the caller's chats with what was said in them last, pinned ones first."""

from typing import Any, Final

from bitrix_chat.portal.methods.arguments import in_upper_case
from bitrix_chat.portal.methods.dialog_reading import own_dialog
from bitrix_chat.portal.methods.paging import limit_of
from bitrix_chat.portal.methods.registry import Invocation, MethodTable
from bitrix_chat.portal.php import PhpValue, intval, strval
from bitrix_chat.portal.reading import counter_of
from bitrix_chat.portal.recent_views import OPEN_LINE, recent_item
from bitrix_chat.portal.refusal import Refusal
from bitrix_chat.portal.state import Chat
from bitrix_chat.portal.timing import moment

METHODS: Final = MethodTable()

_PAGE: Final = 50
_MAX_PAGE: Final = 200
_UNKNOWN: Final = -1


def _recent_chats(call: Invocation, params: dict[str, PhpValue]) -> list[Chat]:
    viewer = call.caller.user_id
    chats = [
        chat
        for chat in (call.state.general_chat, *call.state.chats.values())
        if viewer in chat.members
        and chat.last_message_id > chat.relations[viewer].hidden_up_to
        and call.state.recents.shows(viewer, chat.id, chat.last_message_id)
        and not _skipped(chat, params)
    ]
    return sorted(
        chats, key=lambda chat: (call.state.recents.is_pinned(viewer, chat.id), chat.last_message_id), reverse=True
    )


def _skipped(chat: Chat, params: dict[str, PhpValue]) -> bool:
    """Apply the filters by kind; this portal has neither channels nor chats with CoPilot."""
    if chat.entity_type == OPEN_LINE:
        return params.get("SKIP_OPENLINES") == "Y"
    if "Y" in (params.get("ONLY_OPENLINES"), params.get("ONLY_COPILOT"), params.get("ONLY_CHANNEL")):
        return True
    return params.get("SKIP_DIALOG" if chat.type == "private" else "SKIP_CHAT") == "Y"


@METHODS.add("im.recent.get", scope="im")
def recent_get(call: Invocation) -> list[dict[str, Any]]:
    """List all recent chats, or those with something new since LAST_UPDATE (REST method `im.recent.get`)."""
    params = in_upper_case(call.params)
    since = moment(strval(params.get("LAST_SYNC_DATE") or params.get("LAST_UPDATE")))
    return [
        recent_item(call.state, chat, call.caller.user_id)
        for chat in _recent_chats(call, params)
        if since is None or chat.messages[-1].created_at >= since
    ]


@METHODS.add("im.recent.list", scope="im")
def recent_list(call: Invocation) -> dict[str, Any]:
    """List recent chats in pages, by OFFSET or before LAST_MESSAGE_DATE (REST method `im.recent.list`).

    `next` and `total` leave the result for the envelope; the total is not known to anybody, and -1.
    """
    params = in_upper_case(call.params)
    offset, limit = max(0, intval(params.get("OFFSET"))), limit_of(params, _PAGE, _MAX_PAGE)
    before = moment(strval(params.get("LAST_MESSAGE_DATE")))
    chats = [
        chat
        for chat in _recent_chats(call, params)
        if (before is None or chat.messages[-1].created_at < before) and not _read_and_unwanted(call, chat, params)
    ]
    more = len(chats) > offset + limit
    return {
        "items": [recent_item(call.state, chat, call.caller.user_id) for chat in chats[offset : offset + limit]],
        "hasMorePages": more,
        "hasMore": more,
        "copilot": {"chats": None, "messages": None, "roles": [], "recommendedRoles": []},
        "messagesAutoDeleteConfigs": [],
        "total": _UNKNOWN,
        **({"next": offset + limit} if more else {}),
    }


def _read_and_unwanted(call: Invocation, chat: Chat, params: dict[str, PhpValue]) -> bool:
    viewer = call.caller.user_id
    unread = counter_of(chat, viewer) or call.state.recents.is_marked(viewer, chat.id)
    return params.get("UNREAD_ONLY") == "Y" and not unread


@METHODS.add("im.recent.pin", scope="im")
def recent_pin(call: Invocation) -> bool:
    """Keep a chat on top, or with PIN=N no longer (REST method `im.recent.pin`)."""
    params = in_upper_case(call.params)
    chat = own_dialog(call, params.get("DIALOG_ID"))
    if chat is None:
        raise Refusal("ACCESS_ERROR", "You don't have permission to pin this chat")
    call.state.recents.pin(call.caller.user_id, chat.id, pinned=params.get("PIN") != "N")
    return True


@METHODS.add("im.recent.unread", scope="im")
def recent_unread(call: Invocation) -> bool:
    """Mark a chat as unread, or with ACTION=N no longer (REST method `im.recent.unread`)."""
    params = in_upper_case(call.params)
    chat = own_dialog(call, params.get("DIALOG_ID"))
    if chat is not None:
        call.state.recents.mark(call.caller.user_id, chat.id, unread=params.get("ACTION") != "N")
    return True


@METHODS.add("im.recent.hide", scope="im")
def recent_hide(call: Invocation) -> bool:
    """Take a chat out of the list until the next message (REST method `im.recent.hide`)."""
    chat = own_dialog(call, in_upper_case(call.params).get("DIALOG_ID"))
    if chat is not None:
        call.state.recents.hide(call.caller.user_id, chat.id, chat.last_message_id)
    return True
