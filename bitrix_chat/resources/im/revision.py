"""Which chat API a portal has: `im.revision.get`."""

from bitrix_chat.converters import SNAKE_ANSWERS, decoder
from bitrix_chat.models.revision import ImRevision
from bitrix_chat.resources.resource import Resource
from bitrix_chat.rest.call import Call

_got = decoder(SNAKE_ANSWERS, ImRevision, "im.revision.get")


class RevisionResource(Resource):
    """`b24.im.revision`: revisions of the chat API."""

    def get(self) -> Call[ImRevision]:
        """Get the revisions of the chat API. Source: `im.revision.get` (scope `im`)."""
        return self._upper("im.revision.get", {}, _got)
