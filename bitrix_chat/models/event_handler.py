"""Handlers that an application has bound to events of the portal."""

from attrs import field, frozen

from bitrix_chat.models.chat import none_for_zero


@frozen(kw_only=True)
class EventHandler:
    """A handler of the calling application (`event.get`).

    Attributes:
        event: the event's name in capitals.
        handler: the address that the portal calls; empty for offline events.
        auth_type: the user in whose name it is called; None for whoever caused the event.
        offline: whether events wait to be fetched instead.
        connector_id: the source of changes that are not reported back to it.
    """

    event: str
    handler: str = ""
    auth_type: int | None = field(default=None, converter=none_for_zero)
    offline: bool = False
    connector_id: str | None = None
