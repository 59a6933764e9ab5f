"""Users that the portal keys by their ids, or lists, leaving a null where the caller may not see one."""

from collections.abc import Callable
from typing import Any

from bitrix_chat.converters import SNAKE_ANSWERS, decoder
from bitrix_chat.models.user import User


def users_by_id(method: str) -> Callable[[Any], dict[int, User]]:
    """Make the decoder of users by their ids, in the portal's order."""
    users = decoder(SNAKE_ANSWERS, list[User | None], method)

    def decode(raw: Any) -> dict[int, User]:
        return {user.id: user for user in users(raw) if user is not None}

    return decode
