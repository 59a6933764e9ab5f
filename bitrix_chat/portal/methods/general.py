"""Methods about the portal and the caller, which need no scope."""

from typing import Any, Final

from bitrix_chat.portal.methods.registry import Invocation, MethodTable
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
    """List what the caller may use (REST method `scope`)."""
    return sorted(call.caller.scopes)


@METHODS.add("methods", scope=None)
def methods(call: Invocation) -> list[str]:
    """List the methods of the portal (REST method `methods`)."""
    return call.method_names()
