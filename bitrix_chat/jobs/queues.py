"""What a portal's queue is called, so that those who enqueue and those who work meet without having agreed."""

from typing import Final

QUEUE: Final = "bitrix-chat"
"""What the names of queues begin with."""


def queue_of(portal: str) -> str:
    """Return the name of a portal's queue, as `bitrix-chat bulk --workers` and `bitrix-chat worker` know it.

    Each portal has its own: workers of one portal that share a queue with others' have to hand back what is not theirs.

    Args:
        portal: the portal's host.
    """
    return f"{QUEUE}:{portal}"
