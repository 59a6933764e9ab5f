"""What can go wrong between an event and its handler; the portal has no part in it."""

from bitrix_chat.errors import BitrixError, NoAnswerError, PortalMismatch
from bitrix_chat.outcomes import Outcome


class EventNotBound(BitrixError, RuntimeError):
    """The event or chat knows no bot to act as; nothing was sent. `event.bound_to(bot)` makes one that does."""

    default_outcome = Outcome.NOT_SENT


class ConsumerBusy(BitrixError):
    """Another consumer holds the lease of this bot's events; two would take each other's."""

    default_outcome = Outcome.NOT_SENT


class EventStoreError(NoAnswerError):
    """The store of events could not be read or written."""

    default_outcome = Outcome.REFUSED_TEMPORARY


class InboxFull(EventStoreError):
    """As many posted events wait as the store takes; the one at hand was not kept."""


class UntrustedInstallation(PortalMismatch):
    """An installation event names addresses that no token may go to; nothing of it was kept."""
