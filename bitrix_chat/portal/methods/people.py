"""`im.user.*`: people as they show in the messenger, and the status that the caller shows to others."""

from typing import Any, Final

from bitrix_chat.portal.methods.arguments import ids_of, in_upper_case
from bitrix_chat.portal.methods.registry import Invocation, MethodTable
from bitrix_chat.portal.php import intval, strval
from bitrix_chat.portal.refusal import Refusal
from bitrix_chat.portal.state import User
from bitrix_chat.portal.views import snake_user_object

METHODS: Final = MethodTable()

_STATUSES: Final = frozenset({"online", "dnd", "away", "break"})
_IDLE_MINUTES: Final = 10


@METHODS.add("im.user.get", scope="im")
def user_get(call: Invocation) -> dict[str, Any]:
    """Show a user, the caller unless ID names another (REST method `im.user.get`)."""
    wanted = in_upper_case(call.params).get("ID")
    user_id = call.caller.user_id if wanted is None else intval(wanted)
    if user_id <= 0:
        raise Refusal("ID_EMPTY", "User ID can't be empty")
    user = call.state.users.get(user_id)
    if user is None:
        raise Refusal("USER_NOT_EXISTS", "User is not exists")
    if not call.state.sees(call.caller.user_id, user_id):
        raise Refusal("ACCESS_DENIED", "You can request only users who consist of your extranet group")
    return snake_user_object(call.state, user)


@METHODS.add("im.user.list.get", scope="im")
def user_list_get(call: Invocation) -> Any:
    """Show users by id: unknown ones are left out, and those the caller may not know are null.

    An object keyed by id, a list only with `RESULT_TYPE=array` (REST method `im.user.list.get`).
    """
    params = in_upper_case(call.params)
    user_ids = ids_of(params.get("ID"))
    if user_ids is None:
        raise Refusal("INVALID_FORMAT", "A wrong format for the ID field is passed")
    users = [call.state.users[user_id] for user_id in user_ids if user_id in call.state.users]
    shown = {str(user.id): _shown(call, user) for user in users}
    return list(shown.values()) if params.get("RESULT_TYPE") == "array" else shown or []


def _shown(call: Invocation, user: User) -> dict[str, Any] | None:
    return snake_user_object(call.state, user) if call.state.sees(call.caller.user_id, user.id) else None


@METHODS.add("im.user.status.get", scope="im")
def user_status_get(call: Invocation) -> str | bool:
    """Tell the caller's status; false as long as they chose none (REST method `im.user.status.get`)."""
    return call.state.users[call.caller.user_id].status or False


@METHODS.add("im.user.status.set", scope="im")
def user_status_set(call: Invocation) -> bool:
    """Choose a status (REST method `im.user.status.set`)."""
    status = strval(in_upper_case(call.params).get("STATUS"))
    if status not in _STATUSES:
        raise Refusal("STATUS_ERROR", "Status is not available")
    user = call.state.users[call.caller.user_id]
    user.status, user.active_at = status, call.state.clock()
    return True


@METHODS.add("im.user.status.idle.start", scope="im")
def user_status_idle_start(call: Invocation) -> bool:
    """Show the caller as absent since AGO minutes (REST method `im.user.status.idle.start`)."""
    minutes = intval(in_upper_case(call.params).get("AGO"))
    call.state.users[call.caller.user_id].idle_since = call.state.clock() - 60 * (
        minutes if minutes > 0 else _IDLE_MINUTES
    )
    return True


@METHODS.add("im.user.status.idle.end", scope="im")
def user_status_idle_end(call: Invocation) -> bool:
    """Show the caller as present again (REST method `im.user.status.idle.end`)."""
    user = call.state.users[call.caller.user_id]
    user.idle_since, user.active_at = None, call.state.clock()
    return True
