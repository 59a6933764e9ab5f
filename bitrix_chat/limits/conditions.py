"""What the limits allow at this moment and what one method was seen to cost: all that a plan can be made from."""

from attrs import frozen

from bitrix_chat.limits.bucket import Plan


@frozen(kw_only=True)
class Conditions:
    """The limits of a portal as one client sees them now.

    Attributes:
        plan: the request limit.
        free: requests that may leave at once, less the share that is kept free for single calls.
        reserve: that share; it is also what the level is kept below while calls wait.
        max_in_flight: requests at a time.
        max_commands: calls that one request may carry.
        longest_batch: seconds of work that one request may hold, as estimated before it leaves.
        operating_limit: seconds that one method may work in ten minutes, None without this limit.
        operating_used: seconds of it that are used.
        operating_resets_in: seconds until the oldest used ones are forgotten.
        duration: seconds that a call of the method takes the portal, None as long as it is not known.
        cost: operating seconds that it is charged, in a batch; None as long as it is not known.
        samples: how many calls these two were learned from.
    """

    plan: Plan
    free: int
    reserve: int
    max_in_flight: int
    max_commands: int
    longest_batch: float
    operating_limit: float | None
    operating_used: float = 0.0
    operating_resets_in: float = 0.0
    duration: float | None = None
    cost: float | None = None
    samples: int = 0
