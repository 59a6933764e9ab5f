"""Handlers of classic events, which belong to an application and never to a webhook."""

from typing import final

import attrs


@final
@attrs.frozen(kw_only=True)
class EventBinding:
    """One handler of one event.

    Attributes:
        auth_type: Id of the user in whose name the handler is called; 0 is whoever caused the event.
        offline: Whether the events are kept for the application instead of being posted to `handler`.
        connector: The key under which the application marks events that it caused itself.
    """

    application: str
    event: str
    handler: str = attrs.field(repr=False)
    auth_type: int = 0
    offline: bool = False
    connector: str = ""
