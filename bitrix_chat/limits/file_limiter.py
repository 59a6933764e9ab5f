"""One limit for all processes of a host, without a server: they take turns at a bucket in a file.

Theory of operation. Each process has a queue of its own, and only the first who waits in it draws on the shared
bucket: it reserves the next request there and sleeps until that may leave. So each process has at most one request
put down, they take turns however many wait in each, and nobody has to be woken by another process. On waking it
looks again: if the portal has refused somebody in between, what was reserved is void, and it reserves anew, behind
the pause. Whoever stops waiting gives back what it had reserved; a slot that is given back goes to the next of the
same process at once. Where others are just counting, we come back after a millisecond, and seldomer when it lasts: a
process that was stopped while it counted holds up all, since nobody can know how much it has counted. That is logged.
"""

import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from bitrix_chat.limits.bucket import STANDARD, LeakyBucket, Plan
from bitrix_chat.limits.bucket_file import BucketFile, told
from bitrix_chat.limits.errors import LimiterFileError
from bitrix_chat.limits.queueing import QueueingLimiter

_SOON: Final = 0.001
_ROUNDING: Final = 1e-6
_LONG: Final = 1.0
"""Seconds after which whoever holds the file is not just counting."""
_SELDOMEST: Final = 0.05

logger: Final = logging.getLogger("bitrix_chat")


Act = Callable[[LeakyBucket, float], bool]
"""Looks at a bucket at a moment, and tells whether it has changed it."""


class FileRateLimiter(QueueingLimiter["SharedSlots"]):
    """A `RateLimiter` whose bucket is a file, shared by all processes of one host that name it.

    A file serves one event loop an object and any number of objects. It must be on a disk of the host, since times
    are told by the host's monotonic clock. Its last words survive the process, so a limiter may be dropped at any time.

    Args:
        path: the file, made if it is not there; its folder has to exist and should be private.
        plan: the portal's limit, from now on for all who share the file; None for the one that is kept there already,
            which is `STANDARD` in a new file.
        clock: seconds since the host has started, for all who share the file.

    Raises:
        LimiterFileError: the file cannot be used, or is something else.
    """

    def __init__(
        self, path: str | os.PathLike[str], plan: Plan | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(SharedSlots(BucketFile(Path(path).expanduser().absolute(), clock, plan or STANDARD)))
        self._slots.said = plan
        self._slots.tell(*([] if plan is None else [self._slots.telling(plan)]))

    def __repr__(self) -> str:
        bucket, name = self._slots.file.bucket, self._slots.file.path.name
        counted = f"level={bucket.level:.1f}/{bucket.plan.burst:g} waiting={self._waiters.waiting}"
        return f"<FileRateLimiter {name} {counted}>"

    @property
    def path(self) -> Path:
        """The file that it counts in."""
        return self._slots.file.path

    @property
    def plan(self) -> Plan:
        """The limit that all who share the file keep."""
        return self._slots.file.peek().plan

    @property
    def said(self) -> Plan | None:
        """The plan that was said here; None where it keeps whatever others say."""
        return self._slots.said

    def adopt(self, plan: Plan) -> None:
        """Have all who share the file keep another plan; what was counted stays counted."""
        self._slots.said = plan
        self._slots.tell(self._slots.telling(plan))

    @property
    def pace(self) -> float:
        """Requests a second that all together count on; lower than the plan's after a refusal."""
        return self._slots.file.peek().pace

    def close(self) -> None:
        """Let go of the file; it is opened again if the limiter is used again."""
        self._slots.file.close()


class SharedSlots:
    """A process' part in a bucket of many: what it has reserved there, and what it still has to tell.

    The `now` of the queue is the loop's; what is counted in the file goes by the file's clock, read under its lock.

    Attributes:
        said: the plan that was said here, None where whatever others say is kept.
    """

    def __init__(self, file: BucketFile) -> None:
        self.file = file
        self._due: float | None = None
        self._epoch = 0
        self._owed = 0
        self._untold: list[Act] = []
        self._has_turn = False
        self._is_busy = False
        self._busy_since: float | None = None
        self._has_warned = False
        self._seen_plan: Plan | None = None
        self.said: Plan | None = None

    def telling(self, plan: Plan) -> Act:
        """Return what has all keep another plan, and warns of the one that others have kept."""

        def act(bucket: LeakyBucket, now: float) -> bool:
            self._compare(bucket.plan)
            self._seen_plan = plan
            return told(plan)(bucket, now)

        return act

    def tell(self, *acts: Act) -> bool:
        """Change the bucket, as soon as nobody else is counting; False where it was changed by none of it."""
        self._untold += acts
        return self._locked(self._settle) or self._is_busy

    def take(self, now: float) -> bool:  # noqa: ARG002  # the queue's
        """Count a request of somebody who has not waited, if it may leave now."""
        if not (self._owed or self._untold):
            return self._locked(LeakyBucket.take)
        self._has_turn = False
        self._locked(self._settle_and_take)
        return self._has_turn

    def take_turn(self, now: float) -> bool:  # noqa: ARG002  # the queue's
        """Count a request of the first who waits if it may leave now, else reserve one."""
        self._has_turn = False
        self._locked(self._turn)
        return self._has_turn

    def until_turn(self, now: float) -> float:  # noqa: ARG002  # the queue's
        """Return the seconds until what is reserved may leave."""
        if self._is_busy or self._due is None:
            return self._soon()
        return max(0.0, self._due - self.file.clock())

    def give_back(self) -> None:
        """Owe the bucket a request, or give it to the next who waits here."""
        self._owed += 1

    def rest(self) -> float | None:
        """Give back what is owed or reserved, since nobody waits."""
        if self._due is None and not (self._owed or self._untold):
            return None
        with suppress(LimiterFileError):  # whoever counts next hears of it
            self._locked(self._drop)
            return self._soon() if self._is_busy else None
        return None

    def free(self, now: float) -> int:  # noqa: ARG002  # the queue's
        """Return how many requests may leave now."""
        return self.file.peek().free(self.file.clock())

    def wait(self, now: float, count: int) -> float:  # noqa: ARG002  # the queue's
        """Return the seconds until the `count`-th request from now may leave."""
        bucket = self.file.peek()
        return bucket.wait(self.file.clock(), count - self._holds_one_in(bucket))

    def refuse(self, now: float, sent_at: float) -> bool:
        """Have everyone who shares the bucket pause."""
        sent_at += self.file.clock() - now
        return self.tell(lambda bucket, at: bucket.refuse(at, sent_at))

    def _locked(self, act: Act) -> bool:
        answer = self.file.locked(act)
        self._is_busy = answer is None
        if answer is None:
            self._warn_if_held()
        else:
            self._busy_since = None
            if self.file.bucket.plan is not self._seen_plan:
                self._compare(self.file.bucket.plan)
        return answer is True

    def _soon(self) -> float:
        held_for = 0.0 if self._busy_since is None else self.file.clock() - self._busy_since
        return min(max(_SOON, held_for / 20), _SELDOMEST)

    def _warn_if_held(self) -> None:
        now = self.file.clock()
        if self._busy_since is None:
            self._busy_since, self._has_warned = now, False
        elif now - self._busy_since >= _LONG and not self._has_warned:
            self._has_warned = True
            logger.warning(
                "%s has been held by another process for %.1f s; it may have been stopped, and all wait for it",
                self.file.path,
                now - self._busy_since,
            )

    def _compare(self, kept: Plan) -> None:
        """Tell of a plan that others keep and that is not what was said here, once for each time it is said."""
        self._seen_plan = kept
        if self.said is not None and kept != self.said:
            logger.warning(
                "%s: %s was said here and %s by others; the one said last holds for all",
                self.file.path,
                self.said,
                kept,
            )

    def _holds_one_in(self, bucket: LeakyBucket) -> bool:
        return self._due is not None and self._epoch == bucket.epoch

    # What follows runs under the lock.

    def _settle(self, bucket: LeakyBucket, now: float) -> bool:
        has_changed = self._tell(bucket, now) or self._owed > 0
        bucket.give_back(self._owed)
        self._owed = 0
        return has_changed

    def _tell(self, bucket: LeakyBucket, now: float) -> bool:
        untold, self._untold = self._untold, []
        return True in [act(bucket, now) for act in untold]

    def _settle_and_take(self, bucket: LeakyBucket, now: float) -> bool:
        has_changed = self._settle(bucket, now)
        self._has_turn = bucket.take(now)
        return has_changed or self._has_turn

    def _turn(self, bucket: LeakyBucket, now: float) -> bool:
        has_changed = self._tell(bucket, now)
        if self._owed and now >= bucket.paused_until:  # it was counted for one of ours, and so is our next's
            self._owed -= 1
            self._has_turn = True
            return has_changed
        has_changed = self._settle(bucket, now) or has_changed
        return self._take_reserved(bucket, now) or has_changed

    def _take_reserved(self, bucket: LeakyBucket, now: float) -> bool:
        due, is_new = self._due, False
        if due is None or self._epoch != bucket.epoch:
            due, is_new = now + bucket.reserve(now), True
            self._due, self._epoch = due, bucket.epoch
        if now + _ROUNDING >= due:
            bucket.redeem()
            self._due, self._has_turn = None, True
        return is_new or self._has_turn

    def _drop(self, bucket: LeakyBucket, now: float) -> bool:
        has_changed = self._settle(bucket, now)
        if self._holds_one_in(bucket):
            bucket.forgo()
            has_changed = True
        self._due = None
        return has_changed
