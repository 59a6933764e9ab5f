"""Methods about the portal and the caller, which need no scope."""

from typing import Any, Final

from bitrix_chat.portal.methods.arguments import in_upper_case
from bitrix_chat.portal.methods.registry import Invocation, MethodTable
from bitrix_chat.portal.php import strval, truthy
from bitrix_chat.portal.timing import iso

METHODS: Final = MethodTable()


@METHODS.add("profile", scope=None)
def profile(call: Invocation) -> dict[str, Any]:
    """Say who the caller is; the id is text here (REST method `profile`)."""
    user = call.state.users[call.caller.user_id]
    return {
        "ID": str(user.id),
        "ADMIN": user.admin,
        "NAME": user.first_name,
        "LAST_NAME": user.last_name,
        "PERSONAL_GENDER": user.gender,
        "TIME_ZONE": "",
    }


@METHODS.add("server.time", scope=None)
def server_time(call: Invocation) -> str:
    """Tell the portal's time (REST method `server.time`)."""
    return iso(call.state.clock())


@METHODS.add("scope", scope=None)
def scope(call: Invocation) -> list[str]:
    """List what the caller may use, or with `full` all there is (REST method `scope`)."""
    if truthy(in_upper_case(call.params).get("FULL")):
        return sorted(call.caller.scopes | {method.scope for method in call.methods if method.scope is not None})
    return sorted(call.caller.scopes)


@METHODS.add("methods", scope=None)
def methods(call: Invocation) -> list[str]:
    """List the methods of the portal (REST method `methods`)."""
    return call.methods.names()


@METHODS.add("method.get", scope=None)
def method_get(call: Invocation) -> dict[str, bool]:
    """Tell whether there is a method of a name, and whether the caller may use it (REST method `method.get`)."""
    method = call.methods.get(strval(in_upper_case(call.params).get("NAME")))
    return {"isExisting": method is not None, "isAvailable": method is not None and method.is_open_to(call.caller)}
