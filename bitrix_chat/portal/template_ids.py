"""Template ids: the one idempotency key of the portal, for messages only.

A message sent again under the same lower-case UUIDv4 answers the id of the first. Whoever repeats it while
the first attempt is at work learns just that, and after an hour the first attempt counts as dead.
"""

import re
from collections.abc import Callable, Container
from typing import Final, final

import attrs

_UUID4: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_DEAD_AFTER: Final = 3600
_KEPT: Final = 31 * 24 * 3600


@final
class StillSendingError(Exception):
    """The first attempt with this template id has not noted the id of its message yet."""


@attrs.frozen
class _Attempt:
    message_id: int
    began: float
    done: float


def is_template_id(text: str) -> bool:
    """Tell whether the portal takes a text for a template id; anything else makes nothing unique."""
    return _UUID4.fullmatch(text) is not None


@final
class TemplateIds:
    """Which message was sent under which template id.

    Args:
        clock: Unix seconds.
        existing: The ids of the messages there are; one that was deleted may be sent again.
    """

    def __init__(self, clock: Callable[[], float], existing: Container[int]) -> None:
        self._clock = clock
        self._existing = existing
        self._attempts: dict[str, _Attempt] = {}

    def once(self, template_id: str, post: Callable[[], int], *, lingers: float = 0.0) -> int:
        """Post a message unless it was posted before, and return its id.

        An attempt that lingers goes on for so many seconds: its message is in the chat, its id not yet noted.

        Raises:
            StillSendingError: The first attempt is at work.
        """
        if not is_template_id(template_id):
            return post()
        now, first = self._clock(), self._attempts.get(template_id)
        if first is not None and now < first.began + _KEPT:
            if now < min(first.done, first.began + _DEAD_AFTER):
                raise StillSendingError
            if now >= first.done and first.message_id in self._existing:
                return first.message_id
        message_id = post()
        self._attempts[template_id] = _Attempt(message_id, now, now + lingers)
        return message_id
