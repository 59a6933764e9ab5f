"""An application's handlers of the portal's events: `event.*`, which a webhook may not call."""

import re
from typing import Any, Final

from attrs import frozen

from bitrix_chat.converters import SNAKE_ANSWERS, decoder
from bitrix_chat.enums import EventDelivery
from bitrix_chat.errors import InvalidParameter
from bitrix_chat.models.event_handler import EventHandler
from bitrix_chat.resources import arguments
from bitrix_chat.resources.answers import done
from bitrix_chat.resources.arguments import Id
from bitrix_chat.resources.resource import Resource
from bitrix_chat.rest.call import Call

_ADDRESS: Final = re.compile(r"https?://[^\s/?#]\S*", re.IGNORECASE)


@frozen
class _Unbound:
    count: int


_bound = done("event.bind")
_unbound = decoder(SNAKE_ANSWERS, _Unbound, "event.unbind")
_handlers = decoder(SNAKE_ANSWERS, list[EventHandler], "event.get")


def _count(raw: Any) -> int:
    return _unbound(raw).count


def _selected(event: str, handler: str, auth_type: Id | None, event_type: EventDelivery | str | None) -> dict[str, Any]:
    if not _ADDRESS.fullmatch(arguments.required_text("handler", handler)):
        raise InvalidParameter("`handler` is no address that begins with https:// or http://")
    return {
        "event": arguments.required_text("event", event),
        "handler": handler,
        "auth_type": None if auth_type is None else arguments.positive_id("auth_type", auth_type),
        "event_type": arguments.choice("event_type", EventDelivery, event_type),
    }


class EventResource(Resource):
    """`b24.event`; the events of bots (`imbot.v2`) need no handler bound here."""

    def bind(
        self,
        event: str,
        handler: str,
        *,
        auth_type: Id | None = None,
        event_type: EventDelivery | str | None = None,
        auth_connector: str | None = None,
        min_timeout: int | None = None,
    ) -> Call[bool]:
        """Have the portal post an event to an address, or keep it until it is fetched.

        Args:
            event: its name, such as `ONAPPUNINSTALL`.
            handler: an http or https address that the portal reaches.
            auth_type: the user in whose name the handler is called, whoever caused the event by default; only an
                administrator may name another.
            event_type: `online` by default; only an administrator may bind an offline event.
            auth_connector: the source of changes that are not reported back, for offline events.
            min_timeout: seconds between two notices that offline events wait, 1 by default.

        Raises:
            NotFound: there is no such event, or the application's scopes do not open it.
            AccessDenied: a webhook is no application, or the user is no administrator.

        Source: `event.bind` (any scope, applications only).
        """
        params = {
            **_selected(event, handler, auth_type, event_type),
            "auth_connector": None
            if auth_connector is None
            else arguments.required_text("auth_connector", auth_connector),
            "options": None
            if min_timeout is None
            else {"minTimeout": arguments.whole_number("min_timeout", min_timeout, 0)},
        }
        return self._camel("event.bind", params, _bound)

    def unbind(
        self,
        event: str,
        handler: str,
        *,
        auth_type: Id | None = None,
        event_type: EventDelivery | str | None = None,
    ) -> Call[int]:
        """Remove a handler and return how many there were of it.

        The portal removes all handlers of all events where neither is named; that takes `b24.call("event.unbind")`.

        Args:
            event: its name.
            handler: the address that was bound.
            auth_type: only the handler in the name of this user.
            event_type: only the handler of this delivery.

        Raises:
            AccessDenied: a webhook is no application, or the user is no administrator.

        Source: `event.unbind` (any scope, applications only).
        """
        return self._camel("event.unbind", _selected(event, handler, auth_type, event_type), _count)

    def get(self) -> Call[list[EventHandler]]:
        """Get the handlers of the calling application. Source: `event.get` (any scope, applications only)."""
        return self._camel("event.get", {}, _handlers)
