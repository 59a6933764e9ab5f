"""Finding people, chats and departments by the beginnings of words: `im.search.*`."""

from collections.abc import AsyncGenerator
from typing import Final

from bitrix_chat.converters import SNAKE_ANSWERS, decoder
from bitrix_chat.models.chat import Chat
from bitrix_chat.models.department import Department
from bitrix_chat.models.user import User
from bitrix_chat.resources import arguments
from bitrix_chat.resources.im.search_last import SearchLastResource
from bitrix_chat.resources.im.user_answers import users_by_id
from bitrix_chat.resources.pagination import pages_by_next
from bitrix_chat.resources.resource import Resource
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.request import Transport

# A method named `list` would stand for the type in the classes below.
Chats = list[Chat]
Departments = list[Department]

_MAX_PAGE: Final = 50
_SHORTEST: Final = 2

_users = users_by_id("im.search.user.list")
_chats = decoder(SNAKE_ANSWERS, Chats, "im.search.chat.list")
_departments = decoder(SNAKE_ANSWERS, Departments, "im.search.department.list")


class SearchUserResource(Resource):
    """`b24.im.search.user`: people by their name."""

    async def iter_users(
        self, find: str, *, business: bool | None = None, limit: int = _MAX_PAGE
    ) -> AsyncGenerator[User, None]:
        """Yield all users found, reading pages of `limit` (at most 50) as they are needed.

        Raises:
            CursorStalled: the portal answers the same page again.

        Source: `im.search.user.list` (scope `im`).
        """
        make = lambda offset: self.list(find, business=business, offset=offset, limit=limit)  # noqa: E731
        async for page in pages_by_next(make, count=len):
            for user in page.values():
                yield user

    def list(
        self, find: str, *, business: bool | None = None, offset: int | None = None, limit: int | None = None
    ) -> Call[dict[int, User]]:
        """Find users by name or position, one page by their ids, in the order of the portal.

        `call.response.next` is the offset of the next page.

        Args:
            find: at least 2 characters.
            business: only users with a full licence.
            offset: how many to pass over.
            limit: at most 50, 10 by default.

        Source: `im.search.user.list` (scope `im`).
        """
        params = {
            "FIND": arguments.search_text("find", arguments.required_text("find", find), _SHORTEST),
            "BUSINESS": arguments.flag("business", business),
            "OFFSET": arguments.offset(offset),
            "LIMIT": arguments.limit(limit, _MAX_PAGE),
        }
        return self._upper("im.search.user.list", params, _users)


class SearchChatResource(Resource):
    """`b24.im.search.chat`: chats by their title."""

    async def iter_chats(
        self, find: str | None = None, *, find_lines: str | None = None, limit: int = _MAX_PAGE
    ) -> AsyncGenerator[Chat, None]:
        """Yield all chats found, reading pages of `limit` (at most 50) as they are needed.

        Raises:
            CursorStalled: the portal answers the same page again.

        Source: `im.search.chat.list` (scope `im`).
        """
        make = lambda offset: self.list(find, find_lines=find_lines, offset=offset, limit=limit)  # noqa: E731
        async for page in pages_by_next(make, count=len):
            for chat in page:
                yield chat

    def list(
        self,
        find: str | None = None,
        *,
        find_lines: str | None = None,
        offset: int | None = None,
        limit: int | None = None,
    ) -> Call[Chats]:
        """Find group chats by title: one page, with the offset of the next in `call.response.next`.

        Args:
            find: for all chats but open lines; at least 2 characters.
            find_lines: for open lines instead; at least 2 characters.
            offset: how many to pass over.
            limit: at most 50, 10 by default.

        Raises:
            InvalidParameter: not exactly one of `find` and `find_lines` is given, or it is too short.

        Source: `im.search.chat.list` (scope `im`).
        """
        arguments.exactly_one(find=find, find_lines=find_lines)
        params = {
            "FIND": arguments.search_text("find", find, _SHORTEST),
            "FIND_LINES": arguments.search_text("find_lines", find_lines, _SHORTEST),
            "OFFSET": arguments.offset(offset),
            "LIMIT": arguments.limit(limit, _MAX_PAGE),
        }
        return self._upper("im.search.chat.list", params, _chats)


class SearchDepartmentResource(Resource):
    """`b24.im.search.department`: departments by their name."""

    async def iter_departments(
        self, find: str, *, user_data: bool | None = None, limit: int = _MAX_PAGE
    ) -> AsyncGenerator[Department, None]:
        """Yield all departments found, reading pages of `limit` (at most 50) as they are needed.

        Raises:
            CursorStalled: the portal answers the same page again.

        Source: `im.search.department.list` (scope `im`).
        """
        make = lambda offset: self.list(find, user_data=user_data, offset=offset, limit=limit)  # noqa: E731
        async for page in pages_by_next(make, count=len):
            for department in page:
                yield department

    def list(
        self, find: str, *, user_data: bool | None = None, offset: int | None = None, limit: int | None = None
    ) -> Call[Departments]:
        """Find departments by name: one page, with the offset of the next in `call.response.next`.

        Args:
            find: how short it may be is the portal's secret; one character is too short.
            user_data: with each head's user.
            offset: how many to pass over.
            limit: at most 50, 10 by default.

        Raises:
            WrongArgument: the text is too short (`FIND_SHORT`).

        Source: `im.search.department.list` (scope `im`).
        """
        params = {
            "FIND": arguments.required_text("find", find),
            "USER_DATA": arguments.flag("user_data", user_data),
            "OFFSET": arguments.offset(offset),
            "LIMIT": arguments.limit(limit, _MAX_PAGE),
        }
        return self._upper("im.search.department.list", params, _departments)


class SearchResource(Resource):
    """`b24.im.search`: people, chats and departments by the beginning of a name."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self.user = SearchUserResource(transport)
        self.chat = SearchChatResource(transport)
        self.department = SearchDepartmentResource(transport)
        self.last = SearchLastResource(transport)
