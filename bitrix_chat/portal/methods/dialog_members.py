"""`im.dialog.get`, `im.dialog.users.list` and `im.dialog.writing`: a dialog as one of its members sees it."""

from functools import partial
from typing import Any, Final

from bitrix_chat.portal.legacy_views import dialog_object
from bitrix_chat.portal.methods.arguments import in_upper_case
from bitrix_chat.portal.methods.dialogs import dialog_of_caller
from bitrix_chat.portal.methods.paging import limit_of, page
from bitrix_chat.portal.methods.registry import Invocation, MethodTable
from bitrix_chat.portal.php import PhpValue, intval, strval
from bitrix_chat.portal.relations import InputAction
from bitrix_chat.portal.state import Chat, PortalState, User
from bitrix_chat.portal.views import snake_user_object

METHODS: Final = MethodTable()

_MAX_USERS: Final = 50
_TYPING: Final = 60.0  # seconds for which a chat shows somebody typing


@METHODS.add("im.dialog.get", scope="im")
def dialog_get(call: Invocation) -> dict[str, Any]:
    """Show a dialog with what the caller has read of it (REST method `im.dialog.get`)."""
    chat = dialog_of_caller(call, in_upper_case(call.params).get("DIALOG_ID"))
    return dialog_object(call.state, chat, call.caller.user_id)


@METHODS.add("im.dialog.users.list", scope="im")
def dialog_users_list(call: Invocation) -> Any:
    """List members: by LAST_ID in the order of ids, otherwise in pages as they joined.

    LAST_ID mode has neither `next` nor `total` (REST method `im.dialog.users.list`).
    """
    params = in_upper_case(call.params)
    users = _members(call.state, dialog_of_caller(call, params.get("DIALOG_ID")), params)
    if params.get("LAST_ID") is None:
        return page(params, users, partial(snake_user_object, call.state), default=_MAX_USERS, maximum=_MAX_USERS)
    last_id = intval(params["LAST_ID"])
    later = sorted((user for user in users if user.id > last_id), key=lambda user: user.id)
    return [snake_user_object(call.state, user) for user in later[: limit_of(params, _MAX_USERS, _MAX_USERS)]]


def _members(state: PortalState, chat: Chat, params: dict[str, PhpValue]) -> list[User]:
    """Leave out, if asked, the accounts of other systems except those of the kinds named; bots are such a kind."""
    users = [state.users[user_id] for user_id in chat.members if user_id in state.users]
    if params.get("SKIP_EXTERNAL") != "Y":
        return users
    kept = {kind.strip() for kind in strval(params.get("SKIP_EXTERNAL_EXCEPT_TYPES")).split(",")}
    return [user for user in users if not user.bot or "bot" in kept]


@METHODS.add("im.dialog.writing", scope="im")
def dialog_writing(call: Invocation) -> bool:
    """Show the others that the caller is typing (REST method `im.dialog.writing`)."""
    chat = dialog_of_caller(call, in_upper_case(call.params).get("DIALOG_ID"))
    chat.input_actions[call.caller.user_id] = InputAction("", call.state.clock() + _TYPING)
    return True
