"""People as the messenger shows them: `im.user.*`."""

from collections.abc import Iterable

from bitrix_chat.converters import SNAKE_ANSWERS, decoder
from bitrix_chat.models.user import User
from bitrix_chat.resources import arguments
from bitrix_chat.resources.arguments import Id
from bitrix_chat.resources.im.user_answers import users_by_id
from bitrix_chat.resources.im.user_status import UserStatusResource
from bitrix_chat.resources.resource import Resource
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.request import Transport

_user = decoder(SNAKE_ANSWERS, User, "im.user.get")
_users = users_by_id("im.user.list.get")


class UserListResource(Resource):
    """`b24.im.user.list`: several people at once."""

    def get(self, user_ids: Iterable[Id], *, avatar_hr: bool | None = None) -> Call[dict[int, User]]:
        """Get users by their ids; unknown ones, and those the caller may not see, are left out.

        The portal's `RESULT_TYPE=array` is not offered: the ids would be lost where a user is null.

        Args:
            user_ids: at least one.
            avatar_hr: avatars in high resolution as well.

        Source: `im.user.list.get` (scope `im`).
        """
        params = {
            "ID": arguments.required_ids("user_ids", user_ids),
            "AVATAR_HR": arguments.flag("avatar_hr", avatar_hr),
        }
        return self._upper("im.user.list.get", params, _users)


class UserResource(Resource):
    """`b24.im.user`: people as chats show them."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self.list = UserListResource(transport)
        self.status = UserStatusResource(transport)

    def get(self, user_id: Id | None = None, *, avatar_hr: bool | None = None) -> Call[User]:
        """Get a user, the caller by default.

        Args:
            user_id: whom; bots are users too.
            avatar_hr: the avatar in high resolution as well.

        Raises:
            NotFound: there is no such user.
            AccessDenied: the caller is a guest who shares no group with the user.

        Source: `im.user.get` (scope `im`).
        """
        params = {
            "ID": None if user_id is None else arguments.positive_id("user_id", user_id),
            "AVATAR_HR": arguments.flag("avatar_hr", avatar_hr),
        }
        return self._upper("im.user.get", params, _user)
