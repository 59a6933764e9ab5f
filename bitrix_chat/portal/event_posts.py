"""What an event looks like when it is posted: a form as PHP writes it, with an envelope and two kinds of keys.

The keys at the top say who posts. Those of the bot let its handler act as the bot. A bot that was registered over an
incoming webhook belongs to no application, and its events carry no tokens but the one by which it is known.
"""

from typing import Any, Final, final

from bitrix_chat.portal.deliveries import Delivery, DeliveryQueue
from bitrix_chat.portal.event_log import LoggedEvent
from bitrix_chat.portal.event_views import event_data
from bitrix_chat.portal.oauth import AuthorizationServer
from bitrix_chat.portal.php import build_query
from bitrix_chat.portal.state import Bot, PortalState

_MAX_TOKEN: Final = 50


@final
class EventPosts:
    """Writes events and gives them to the queue."""

    def __init__(self, state: PortalState, authorization: AuthorizationServer, queue: DeliveryQueue) -> None:
        self._state = state
        self._authorization = authorization
        self._queue = queue
        self._handlers: dict[tuple[int, str], int] = {}
        state.events.post = self.post

    def post(self, event: LoggedEvent) -> None:
        """Post an event of a bot to its handler; everything is shown as it is now."""
        bot = event.bot
        if bot is None:
            raise LookupError("the events of users are not posted")
        shown = {"id": bot.id, "code": bot.code, "auth": self._auth(bot, bot.id)}
        form: dict[str, Any] = {
            "event": event.type,
            "event_handler_id": self._handlers.setdefault((bot.id, event.type), len(self._handlers) + 1),
            "data": event_data(self._state, event, shown),
            "ts": int(event.date),
            "auth": self._auth(bot, event.actor),
        }
        self._queue.add(event.type, bot.webhook_url, build_query(form).encode(), bot_id=bot.id)

    def _auth(self, bot: Bot, user_id: int) -> dict[str, Any]:
        """Return the keys of a bot's event, to act as somebody of the portal where there is an application."""
        if bot.application != self._authorization.client_id:
            scope = {"scope": "imbot", "status": "L"}
            token = {"application_token": bot.application[:_MAX_TOKEN]}
            return scope | self._authorization.event_address() | token
        if user_id not in self._state.users:
            return self._authorization.event_address()
        return self._authorization.event_auth(user_id)

    def installed(self, url: str, user_id: int) -> Delivery:
        """Post that a user installed the application."""
        data = {"VERSION": "1", "ACTIVE": "Y", "INSTALLED": "Y", "LANGUAGE_ID": "en"}
        return self._application("ONAPPINSTALL", url, data, self._authorization.install(user_id))

    def uninstalled(self, url: str, *, clean: bool) -> Delivery:
        """Post that the application was removed, with its data or without."""
        auth = self._authorization.event_address()
        self._authorization.uninstall()
        return self._application("ONAPPUNINSTALL", url, {"LANGUAGE_ID": "en", "CLEAN": int(clean)}, auth)

    def _application(self, event: str, url: str, data: dict[str, Any], auth: dict[str, Any]) -> Delivery:
        form: dict[str, Any] = {"event": event, "data": data, "ts": int(self._state.clock()), "auth": auth}
        return self._queue.add(event, url, build_query(form).encode())
