"""The portal's own directory of people, without bots: `user.*`."""

from collections.abc import AsyncGenerator, Iterable, Mapping
from typing import Any

from bitrix_chat.converters import UPPER_ANSWERS, decoder
from bitrix_chat.enums import ImageSize, SortOrder
from bitrix_chat.errors import InvalidParameter
from bitrix_chat.models.account import Account
from bitrix_chat.resources import arguments
from bitrix_chat.resources.pagination import pages_by_next
from bitrix_chat.resources.resource import Resource
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.literal import NULL

_current = decoder(UPPER_ANSWERS, Account, "user.current")
_accounts = decoder(UPPER_ANSWERS, list[Account], "user.get")


def _conditions(value: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if value is None:
        return None
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise InvalidParameter("`filter` is no map from the portal's names to values", method="user.get")
    # A condition that is left out would find everybody.
    return {name: NULL if condition is None else condition for name, condition in value.items()} or None


def _fields(select: Iterable[str] | None) -> list[str] | None:
    names = arguments.texts("select", select)
    return names if names is None or {"ID", "*"}.intersection(names) else ["ID", *names]


class UserResource(Resource):
    """`b24.user`: accounts of the portal, with what the company keeps of them."""

    def current(self) -> Call[Account]:
        """Get the caller's account. Source: `user.current` (scope `user`, `user_basic` or `user_brief`)."""
        return self._upper("user.current", {}, _current)

    def get(
        self,
        *,
        filter: Mapping[str, Any] | None = None,  # noqa: A002  # the portal's word
        sort: str | None = None,
        order: SortOrder | str | None = None,
        select: Iterable[str] | None = None,
        admin_mode: bool | None = None,
        image_resize: ImageSize | str | None = None,
        start: int | None = None,
    ) -> Call[list[Account]]:
        """Get one page of 50 accounts; `call.response.next` is where the next one starts, `total` their number.

        Args:
            filter: conditions under the portal's names: `{"UF_DEPARTMENT": 1, "IS_ONLINE": "Y", "%NAME": "an"}`; the
                name of a field may follow `>=`, `>`, `<=`, `<`, `@` (one of a list), `%`, `=` or their negations with
                `!`. Values are sent as they are; a batch holds no booleans.
            sort: a field's name.
            order: `ASC` or `DESC`.
            select: fields' names, `*` or `UF_*`; the id comes along always.
            admin_mode: with accounts and fields that only administrators see.
            image_resize: the size of the photos.
            start: how many to pass over, a multiple of 50.

        Source: `user.get` (scope `user`, `user_basic` or `user_brief`).
        """
        params = {
            "sort": None if sort is None else arguments.required_text("sort", sort),
            "order": arguments.choice("order", SortOrder, order),
            "FILTER": _conditions(filter),
            "ADMIN_MODE": arguments.flag("admin_mode", admin_mode),
            "select": _fields(select),
            "IMAGE_RESIZE": arguments.choice("image_resize", ImageSize, image_resize),
            "start": None if start is None else arguments.whole_number("start", start, 0),
        }
        return self._camel("user.get", params, _accounts)

    async def iter_users(
        self,
        *,
        filter: Mapping[str, Any] | None = None,  # noqa: A002  # the portal's word
        sort: str | None = None,
        order: SortOrder | str | None = None,
        select: Iterable[str] | None = None,
        admin_mode: bool | None = None,
        image_resize: ImageSize | str | None = None,
    ) -> AsyncGenerator[Account, None]:
        """Yield all accounts that pass the filter, reading pages of 50 as they are needed.

        Raises:
            CursorStalled: the portal answers the same page again.

        Source: `user.get` (scope `user`, `user_basic` or `user_brief`).
        """
        fields = arguments.texts("select", select)

        def make(start: int) -> Call[list[Account]]:
            return self.get(
                filter=filter,
                sort=sort,
                order=order,
                select=fields,
                admin_mode=admin_mode,
                image_resize=image_resize,
                start=start,
            )

        async for page in pages_by_next(make, count=len):
            for account in page:
                yield account
