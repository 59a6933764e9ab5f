"""The calling application itself: `app.*`."""

from bitrix_chat.converters import UPPER_ANSWERS, decoder
from bitrix_chat.models.app import AppInfo
from bitrix_chat.resources.resource import Resource
from bitrix_chat.rest.call import Call

_info = decoder(UPPER_ANSWERS, AppInfo, "app.info")


class AppResource(Resource):
    """`b24.app`: the application that the token belongs to."""

    def info(self) -> Call[AppInfo]:
        """Get what the calling application is, and the portal's licence.

        Raises:
            AccessDenied: a webhook is no application.

        Source: `app.info` (any scope).
        """
        return self._upper("app.info", {}, _info)
