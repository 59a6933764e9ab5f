"""`user.*`: people as the portal's own directory has them, in upper case, with dates of three kinds."""

from datetime import UTC, datetime
from typing import Any, Final

from bitrix_chat.portal.methods.arguments import in_upper_case
from bitrix_chat.portal.methods.filters import passes
from bitrix_chat.portal.methods.registry import Invocation, MethodTable
from bitrix_chat.portal.php import PhpValue, elements, intval, strval
from bitrix_chat.portal.state import User
from bitrix_chat.portal.timing import iso

METHODS: Final = MethodTable()

_PAGE: Final = 50
_ALL_FIELDS: Final = frozenset({"", "*", "UF_*"})
_NOT_A_FILTER: Final = frozenset({"SORT", "ORDER", "FILTER", "ADMIN_MODE", "SELECT", "IMAGE_RESIZE", "START", "AUTH"})
_ALWAYS: Final = frozenset({"ID"})


@METHODS.add("user.current", scope="user")
def user_current(call: Invocation) -> dict[str, Any]:
    """Show the caller; the last activity is text here (REST method `user.current`)."""
    user = call.state.users[call.caller.user_id]
    active = datetime.fromtimestamp(call.state.clock() if user.active_at is None else user.active_at, tz=UTC)
    return _row(user) | {"LAST_ACTIVITY_DATE": f"{active:%Y-%m-%d %H:%M:%S}"}


@METHODS.add("user.get", scope="user")
def user_get(call: Invocation) -> dict[str, Any]:
    """Find people, no bots, 50 a page from `start`; fields to filter by stand in FILTER or beside it.

    Dates of the last change and activity are empty objects (REST method `user.get`).
    """
    params = in_upper_case(call.params)
    found = [row for row in map(_full_row, _people(call)) if _is_wanted(row, params)]
    field, descending = strval(params.get("SORT")).upper() or "ID", strval(params.get("ORDER")).upper() == "DESC"
    found.sort(key=lambda row: (intval(row["ID"]) if field == "ID" else 0, str(row.get(field, ""))), reverse=descending)
    start = max(0, intval(params.get("START")))
    answer: dict[str, Any] = {
        str(index): _selected(row, params.get("SELECT")) for index, row in enumerate(found[start : start + _PAGE])
    }
    answer["total"] = len(found)
    if start + _PAGE < len(found):
        answer["next"] = start + _PAGE
    return answer


def _people(call: Invocation) -> list[User]:
    return [
        user for user in call.state.users.values() if not user.bot and call.state.sees(call.caller.user_id, user.id)
    ]


def _is_wanted(row: dict[str, Any], params: dict[str, PhpValue]) -> bool:
    conditions = {name: value for name, value in params.items() if name not in _NOT_A_FILTER}
    given = params.get("FILTER")
    if isinstance(given, dict):
        conditions |= in_upper_case(given)
    return all(passes(row, name, value) for name, value in conditions.items())


def _selected(row: dict[str, Any], select: PhpValue) -> dict[str, Any]:
    """Keep what `select` names; an unknown name selects nothing."""
    if not isinstance(select, list | dict):
        return row
    names = {strval(name).upper() for name in elements(select)}
    if names & _ALL_FIELDS:
        return row
    return {name: value for name, value in row.items() if name in names | _ALWAYS}


def _row(user: User) -> dict[str, Any]:
    return {
        "ID": str(user.id),
        "ACTIVE": user.active,
        "NAME": user.first_name,
        "LAST_NAME": user.last_name,
        "EMAIL": f"user{user.id}@portal.example",
        "LAST_LOGIN": iso(user.hired_at),
        "DATE_REGISTER": f"{iso(user.hired_at)[:10]}T00:00:00+02:00",
        "IS_ONLINE": "Y" if user.active and user.idle_since is None else "N",
        "LAST_ACTIVITY_DATE": {},
        "PERSONAL_GENDER": user.gender,
        "PERSONAL_BIRTHDAY": "",
        "WORK_POSITION": user.work_position,
        "UF_EMPLOYMENT_DATE": "",
        "UF_DEPARTMENT": list(user.departments),
    }


def _full_row(user: User) -> dict[str, Any]:
    return _row(user) | {
        "SECOND_NAME": "",
        "TIME_ZONE": "",
        "TIMESTAMP_X": {},
        "PERSONAL_WWW": "",
        "PERSONAL_MOBILE": user.phones.get("personal_mobile", ""),
        "PERSONAL_CITY": "",
        "WORK_PHONE": user.phones.get("work_phone", ""),
        "UF_PHONE_INNER": user.phones.get("inner_phone", ""),
        "USER_TYPE": user.kind,
    }
