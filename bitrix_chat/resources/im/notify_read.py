"""Which of the caller's notifications count as read: `im.notify.read` and below it."""

from collections.abc import Iterable

from bitrix_chat.converters import CAMEL_ANSWERS, decoder
from bitrix_chat.models.notification import AllRead
from bitrix_chat.resources import arguments
from bitrix_chat.resources.answers import done
from bitrix_chat.resources.arguments import Id
from bitrix_chat.resources.resource import Resource
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.request import Safety

_marked = done("im.notify.read")
_all_marked = done("im.notify.read.list")
_all_read = decoder(CAMEL_ANSWERS, AllRead, "im.notify.read.all")


class NotifyReadResource(Resource):
    """`b24.im.notify.read`: marks as read, called or by its branches; what waits for a decision stays unread."""

    def __call__(
        self, notification_id: Id | None = None, *, read: bool | None = None, only_current: bool | None = None
    ) -> Call[bool]:
        """Mark a notification and all older ones.

        Without an id a call of unknown outcome is not repeated, nor is `all`: it would mark what came meanwhile.

        Args:
            notification_id: the newest to mark; all are marked where it is missing.
            read: as read, the default, or as unread.
            only_current: this one without the older ones.

        Source: `im.notify.read` (scope `im`).
        """
        params = {
            "ID": None if notification_id is None else arguments.positive_id("notification_id", notification_id),
            "ACTION": arguments.flag("read", read),
            "ONLY_CURRENT": arguments.flag("only_current", only_current),
        }
        safety = None if notification_id is None else Safety.IDEMPOTENT
        return self._upper("im.notify.read", params, _marked, safety=safety)

    def all(self) -> Call[AllRead]:
        """Mark everything as read. Source: `im.notify.read.all` (scope `im`)."""
        return self._upper("im.notify.read.all", {}, _all_read)

    def list(self, notification_ids: Iterable[Id], *, read: bool | None = None) -> Call[bool]:
        """Mark several notifications, as read unless `read` is false. Source: `im.notify.read.list` (scope `im`)."""
        params = {
            "IDS": arguments.required_ids("notification_ids", notification_ids),
            "ACTION": arguments.flag("read", read),
        }
        return self._upper("im.notify.read.list", params, _all_marked)
