"""The people in a dialog, page by page: `im.dialog.users.list`."""

from collections.abc import AsyncGenerator, Iterable
from typing import Final

from bitrix_chat.converters import SNAKE_ANSWERS, decoder
from bitrix_chat.models.user import User
from bitrix_chat.resources import arguments
from bitrix_chat.resources.arguments import DialogId, Id
from bitrix_chat.resources.pagination import pages_by_next
from bitrix_chat.resources.resource import Resource
from bitrix_chat.rest.call import Call

_users = decoder(SNAKE_ANSWERS, list[User], "im.dialog.users.list")

_PAGE: Final = 200


class DialogUsersResource(Resource):
    """`b24.im.dialog.users`: members of any dialog."""

    async def iter_users(
        self,
        dialog_id: DialogId,
        *,
        skip_external: bool | None = None,
        skip_external_except_types: Iterable[str] | None = None,
        limit: int = _PAGE,
    ) -> AsyncGenerator[User, None]:
        """Iterate over the members of a dialog, `limit` a request.

        Raises:
            CursorStalled: the portal leads back to a page that was read.

        Source: `im.dialog.users.list` (scope `im`).
        """
        kept = None if skip_external_except_types is None else [*skip_external_except_types]

        def page_at(offset: int) -> Call[list[User]]:
            return self.list(
                dialog_id,
                skip_external=skip_external,
                skip_external_except_types=kept,
                limit=limit,
                offset=offset,
            )

        async for page in pages_by_next(page_at, count=len):
            for user in page:
                yield user

    def list(
        self,
        dialog_id: DialogId,
        *,
        skip_external: bool | None = None,
        skip_external_except_types: Iterable[str] | None = None,
        limit: int | None = None,
        last_id: Id | None = None,
        offset: int | None = None,
    ) -> Call[list[User]]:
        """List one page of a dialog's members.

        Args:
            dialog_id: the dialog.
            skip_external: leave out users from outside, who came by a connector or by e-mail for example.
            skip_external_except_types: kinds of them (`external_auth_id`) that stay in.
            limit: at most 200; 50 by default.
            last_id: the last user of the page before; the answer then tells neither `next` nor `total`.
            offset: how many to pass over instead; `call.response.next` is the offset of the next page.

        Raises:
            InvalidParameter: `last_id` and `offset` are both given.
            AccessDenied: the caller is no member.

        Source: `im.dialog.users.list` (scope `im`).
        """
        arguments.not_both(last_id=last_id, offset=offset)
        params = {
            "DIALOG_ID": arguments.im_dialog_id("dialog_id", dialog_id),
            "SKIP_EXTERNAL": arguments.flag("skip_external", skip_external),
            "SKIP_EXTERNAL_EXCEPT_TYPES": arguments.joined("skip_external_except_types", skip_external_except_types),
            "LIMIT": arguments.limit(limit, _PAGE),
            "LAST_ID": arguments.cursor("last_id", last_id),
            "OFFSET": arguments.offset(offset),
        }
        return self._upper("im.dialog.users.list", params, _users)
