"""Why there is no client of a portal; nothing was sent in either case."""

from bitrix_chat.errors import BitrixError
from bitrix_chat.outcomes import Outcome


class UnknownPortal(BitrixError, LookupError):
    """`auth` knows no portal of this id, or its store holds no token pair: the application is not installed there."""

    default_outcome = Outcome.NOT_SENT


class TooManyPortals(BitrixError):
    """As many clients as `most` allows are in use at this moment, so that none can be closed for another portal's."""

    default_outcome = Outcome.NOT_SENT
