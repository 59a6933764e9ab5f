"""What a portal can do: `imbot.v2.Revision.*`."""

from bitrix_chat.converters import CAMEL_ANSWERS, decoder
from bitrix_chat.models.bot import Revision
from bitrix_chat.resources.resource import Resource
from bitrix_chat.rest.call import Call

_revision = decoder(CAMEL_ANSWERS, Revision, "imbot.v2.Revision.get")


class RevisionResource(Resource):
    """`b24.imbot.revision`: revisions of the chat API, asked without a bot."""

    def get(self) -> Call[Revision]:
        """Get the revisions of the chat API; needs no bot. Source: `imbot.v2.Revision.get` (scope `imbot`)."""
        return self._camel("imbot.v2.Revision.get", {}, _revision)
