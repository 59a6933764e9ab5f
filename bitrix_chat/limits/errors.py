"""What can go wrong with limits that are kept outside of the process; the portal has no part in it."""

from bitrix_chat.errors import BitrixError
from bitrix_chat.outcomes import Outcome


class LimiterFileError(BitrixError):
    """The file by which processes share a limit cannot be used; nothing was sent."""

    default_outcome = Outcome.NOT_SENT
