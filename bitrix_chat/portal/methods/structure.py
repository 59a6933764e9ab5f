"""`im.department.*`: the company's structure, shown to its own people and not to guests."""

from typing import Any, Final

from bitrix_chat.portal.departments import Department
from bitrix_chat.portal.legacy_views import department_object
from bitrix_chat.portal.methods.arguments import ids_of, in_upper_case
from bitrix_chat.portal.methods.paging import page
from bitrix_chat.portal.methods.registry import Invocation, MethodTable
from bitrix_chat.portal.php import PhpValue
from bitrix_chat.portal.refusal import Refusal
from bitrix_chat.portal.state import PortalState
from bitrix_chat.portal.views import snake_user_object

METHODS: Final = MethodTable()

_PAGE: Final = 10
_MAX_PAGE: Final = 50


def _params_of_insider(call: Invocation) -> dict[str, PhpValue]:
    """Return the parameters of a caller who belongs to the company.

    Raises:
        Refusal: ACCESS_ERROR, with 403.
    """
    if not call.state.is_employee(call.caller.user_id):
        raise Refusal("ACCESS_ERROR", "Only intranet users have access to this method.", 403)
    return in_upper_case(call.params)


def _known_departments(state: PortalState, department_ids: list[int]) -> list[Department]:
    found = (state.structure.get(department_id) for department_id in department_ids)
    return [department for department in found if department is not None]


def _person(state: PortalState, user_id: int, params: dict[str, PhpValue]) -> Any:
    """Show an id, or with USER_DATA the user."""
    return snake_user_object(state, state.users[user_id]) if params.get("USER_DATA") == "Y" else user_id


@METHODS.add("im.department.get", scope="im")
def department_get(call: Invocation) -> list[dict[str, Any]]:
    """Show departments by id; unknown ones are left out (REST method `im.department.get`)."""
    params = _params_of_insider(call)
    department_ids = ids_of(params.get("ID"))
    if department_ids is None:
        raise Refusal("INVALID_FORMAT", "A wrong format for the ID field is passed")
    with_head = params.get("USER_DATA") == "Y"
    return [
        department_object(call.state, department, with_head=with_head)
        for department in _known_departments(call.state, department_ids)
    ]


def _of_departments(call: Invocation) -> tuple[dict[str, PhpValue], list[Department]]:
    params = _params_of_insider(call)
    department_ids = ids_of(params.get("ID"))
    if not department_ids:
        raise Refusal("ID_EMPTY", "Department ID can't be empty")
    return params, _known_departments(call.state, department_ids)


@METHODS.add("im.department.managers.get", scope="im")
def department_managers_get(call: Invocation) -> Any:
    """Tell the heads, as an object keyed by department (REST method `im.department.managers.get`)."""
    params, departments = _of_departments(call)
    heads = {str(department.id): department.head for department in departments if department.head}
    return {key: [_person(call.state, head, params)] for key, head in heads.items()} or []


@METHODS.add("im.department.employees.get", scope="im")
def department_employees_get(call: Invocation) -> Any:
    """Tell who works there, as an object keyed by department (REST method `im.department.employees.get`)."""
    params, departments = _of_departments(call)
    return {
        str(department.id): [_person(call.state, user_id, params) for user_id in _employees(call.state, department.id)]
        for department in departments
    } or []


def _employees(state: PortalState, department_id: int) -> list[int]:
    return [
        user.id for user in state.users.values() if department_id in user.departments and state.is_employee(user.id)
    ]


@METHODS.add("im.department.colleagues.list", scope="im")
def department_colleagues_list(call: Invocation) -> dict[str, Any]:
    """List in pages who works in the caller's departments (REST method `im.department.colleagues.list`)."""
    params = _params_of_insider(call)
    own = call.state.users[call.caller.user_id]
    everybody = (user_id for department_id in own.departments for user_id in _employees(call.state, department_id))
    colleagues = [user_id for user_id in dict.fromkeys(everybody) if user_id != own.id]
    return page(
        params,
        colleagues,
        lambda user_id: _person(call.state, user_id, params),
        default=_PAGE,
        maximum=_MAX_PAGE,
    )
