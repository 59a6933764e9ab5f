"""What is unread, in numbers: `im.counters.get`."""

from bitrix_chat.converters import UPPER_ANSWERS, decoder
from bitrix_chat.models.counters import Counters
from bitrix_chat.resources.resource import Resource
from bitrix_chat.rest.call import Call

_got = decoder(UPPER_ANSWERS, Counters, "im.counters.get")


class CountersResource(Resource):
    """`b24.im.counters`: unread messages of the user."""

    def get(self) -> Call[Counters]:
        """Count what the user has not read. Source: `im.counters.get` (scope `im`)."""
        return self._upper("im.counters.get", {}, _got)
