"""The company's structure, which the portal shows to its own people alone: `im.department.*`."""

from collections.abc import AsyncGenerator, Iterable
from typing import Any, Final, Literal, overload

from bitrix_chat.converters import SNAKE_ANSWERS, decoder
from bitrix_chat.models.department import Department
from bitrix_chat.models.user import User
from bitrix_chat.resources import arguments
from bitrix_chat.resources.arguments import Id
from bitrix_chat.resources.pagination import pages_by_next
from bitrix_chat.resources.resource import Decode, Resource
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.request import Transport

# A method named `list` would stand for the type in the class below.
Ids = list[int]
Users = list[User]

_MANAGERS: Final = "im.department.managers.get"
_EMPLOYEES: Final = "im.department.employees.get"
_COLLEAGUES: Final = "im.department.colleagues.list"
_MAX_PAGE: Final = 50

_departments = decoder(SNAKE_ANSWERS, list[Department], "im.department.get")
_manager_ids = decoder(SNAKE_ANSWERS, dict[int, Ids], _MANAGERS)
_manager_users = decoder(SNAKE_ANSWERS, dict[int, Users], _MANAGERS)
_employee_ids = decoder(SNAKE_ANSWERS, dict[int, Ids], _EMPLOYEES)
_employee_users = decoder(SNAKE_ANSWERS, dict[int, Users], _EMPLOYEES)
_colleague_ids = decoder(SNAKE_ANSWERS, Ids, _COLLEAGUES)
_colleague_users = decoder(SNAKE_ANSWERS, Users, _COLLEAGUES)


def _of(department_ids: Iterable[Id], user_data: bool | None) -> dict[str, Any]:  # noqa: FBT001  # it is a value
    return {
        "ID": arguments.required_ids("department_ids", department_ids),
        "USER_DATA": arguments.flag("user_data", user_data),
    }


class ManagersResource(Resource):
    """`b24.im.department.managers`: who leads departments."""

    @overload
    def get(self, department_ids: Iterable[Id], *, user_data: Literal[True]) -> Call[dict[int, Users]]: ...

    @overload
    def get(self, department_ids: Iterable[Id], *, user_data: Literal[False] | None = None) -> Call[dict[int, Ids]]: ...

    @overload
    def get(
        self, department_ids: Iterable[Id], *, user_data: bool | None
    ) -> Call[dict[int, Users]] | Call[dict[int, Ids]]: ...

    def get(self, department_ids: Iterable[Id], *, user_data: bool | None = None) -> Call[Any]:
        """Get the heads by department; a department without one, or an unknown one, is left out.

        Args:
            department_ids: at least one.
            user_data: users in place of their ids.

        Raises:
            AccessDenied: the caller is a guest or a bot.

        Source: `im.department.managers.get` (scope `im`).
        """
        decode: Decode[Any] = _manager_users if user_data else _manager_ids
        return self._upper(_MANAGERS, _of(department_ids, user_data), decode)


class EmployeesResource(Resource):
    """`b24.im.department.employees`: who works in departments."""

    @overload
    def get(self, department_ids: Iterable[Id], *, user_data: Literal[True]) -> Call[dict[int, Users]]: ...

    @overload
    def get(self, department_ids: Iterable[Id], *, user_data: Literal[False] | None = None) -> Call[dict[int, Ids]]: ...

    @overload
    def get(
        self, department_ids: Iterable[Id], *, user_data: bool | None
    ) -> Call[dict[int, Users]] | Call[dict[int, Ids]]: ...

    def get(self, department_ids: Iterable[Id], *, user_data: bool | None = None) -> Call[Any]:
        """Get the people by department, the head among them; an unknown department is left out.

        Args:
            department_ids: at least one.
            user_data: users in place of their ids.

        Raises:
            AccessDenied: the caller is a guest or a bot.

        Source: `im.department.employees.get` (scope `im`).
        """
        decode: Decode[Any] = _employee_users if user_data else _employee_ids
        return self._upper(_EMPLOYEES, _of(department_ids, user_data), decode)


class ColleaguesResource(Resource):
    """`b24.im.department.colleagues`: the people of the caller's own departments."""

    @overload
    def iter_colleagues(self, *, user_data: Literal[True], limit: int = _MAX_PAGE) -> AsyncGenerator[User, None]: ...

    @overload
    def iter_colleagues(
        self, *, user_data: Literal[False] | None = None, limit: int = _MAX_PAGE
    ) -> AsyncGenerator[int, None]: ...

    @overload
    def iter_colleagues(
        self, *, user_data: bool | None, limit: int = _MAX_PAGE
    ) -> AsyncGenerator[User, None] | AsyncGenerator[int, None]: ...

    async def iter_colleagues(
        self, *, user_data: bool | None = None, limit: int = _MAX_PAGE
    ) -> AsyncGenerator[Any, None]:
        """Yield all colleagues, reading pages of `limit` as they are needed.

        Args:
            user_data: users in place of their ids.
            limit: at most 50.

        Raises:
            AccessDenied: the caller is a guest or a bot.
            CursorStalled: the portal answers the same page again.

        Source: `im.department.colleagues.list` (scope `im`).
        """
        async for page in pages_by_next(lambda offset: self._page(user_data, offset, limit), count=len):
            for colleague in page:
                yield colleague

    def _page(self, user_data: bool | None, offset: int | None, limit: int | None) -> Call[Any]:  # noqa: FBT001
        params = {
            "USER_DATA": arguments.flag("user_data", user_data),
            "OFFSET": arguments.offset(offset),
            "LIMIT": arguments.limit(limit, _MAX_PAGE),
        }
        decode: Decode[Any] = _colleague_users if user_data else _colleague_ids
        return self._upper(_COLLEAGUES, params, decode)

    @overload
    def list(self, *, user_data: Literal[True], offset: int | None = None, limit: int | None = None) -> Call[Users]: ...

    @overload
    def list(
        self, *, user_data: Literal[False] | None = None, offset: int | None = None, limit: int | None = None
    ) -> Call[Ids]: ...

    @overload
    def list(
        self, *, user_data: bool | None, offset: int | None = None, limit: int | None = None
    ) -> Call[Users] | Call[Ids]: ...

    def list(self, *, user_data: bool | None = None, offset: int | None = None, limit: int | None = None) -> Call[Any]:
        """List one page of colleagues; `call.response.next` is the offset of the next, `total` their number.

        Args:
            user_data: users in place of their ids.
            offset: how many to pass over.
            limit: at most 50, 10 by default.

        Raises:
            AccessDenied: the caller is a guest or a bot.

        Source: `im.department.colleagues.list` (scope `im`).
        """
        return self._page(user_data, offset, limit)


class DepartmentResource(Resource):
    """`b24.im.department`: the departments of the company."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self.managers = ManagersResource(transport)
        self.employees = EmployeesResource(transport)
        self.colleagues = ColleaguesResource(transport)

    def get(self, department_ids: Iterable[Id], *, user_data: bool | None = None) -> Call[list[Department]]:
        """Get departments; unknown ones are left out, and the order is the portal's.

        Args:
            department_ids: at least one.
            user_data: with each head's user.

        Raises:
            AccessDenied: the caller is a guest or a bot.

        Source: `im.department.get` (scope `im`).
        """
        return self._upper("im.department.get", _of(department_ids, user_data), _departments)
