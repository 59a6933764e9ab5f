"""What the caller shows others of being there: `im.user.status.*`."""

from typing import Any

from bitrix_chat.converters import SNAKE_ANSWERS, decoder
from bitrix_chat.enums import UserStatus
from bitrix_chat.resources import arguments
from bitrix_chat.resources.answers import done
from bitrix_chat.resources.resource import Resource
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.request import Transport

_word = decoder(SNAKE_ANSWERS, str, "im.user.status.get")
_set = done("im.user.status.set")
_started = done("im.user.status.idle.start")
_ended = done("im.user.status.idle.end")


def _status(raw: Any) -> UserStatus | str | None:
    word = _word(raw)
    return next((status for status in UserStatus if status == word), word) or None


class UserIdleResource(Resource):
    """`b24.im.user.status.idle`: absence by itself, as the former version of the messenger shows it."""

    def start(self, minutes: int | None = None) -> Call[bool]:
        """Show the caller as absent.

        Args:
            minutes: for how many minutes already, 10 by default.

        Source: `im.user.status.idle.start` (scope `im`).
        """
        ago = None if minutes is None else arguments.whole_number("minutes", minutes, 1)
        return self._upper("im.user.status.idle.start", {"AGO": ago}, _started)

    def end(self) -> Call[bool]:
        """Show the caller as present again. Source: `im.user.status.idle.end` (scope `im`)."""
        return self._upper("im.user.status.idle.end", {}, _ended)


class UserStatusResource(Resource):
    """`b24.im.user.status`: the status that the user has chosen."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self.idle = UserIdleResource(transport)

    def get(self) -> Call[UserStatus | str | None]:
        """Get the caller's status; None as long as none was chosen. Source: `im.user.status.get` (scope `im`)."""
        return self._upper("im.user.status.get", {}, _status)

    def set(self, status: UserStatus | str) -> Call[bool]:
        """Choose the caller's status. Source: `im.user.status.set` (scope `im`)."""
        word = arguments.choice("status", UserStatus, arguments.required_text("status", status))
        return self._upper("im.user.status.set", {"STATUS": word}, _set)
