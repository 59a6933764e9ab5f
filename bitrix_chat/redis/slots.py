"""The slots of one portal that machines share: what the server last said, and the conversation with it.

Theory of operation. A queue asks and is answered at once, so everything here is sync but for one task, which
talks to the server while there is something to say and ends with it. Only one slot ahead is reserved, whoever waits: it
belongs to the queue, so a waiter that is cancelled leaves it to the next, and it goes back where nobody waits. Once
its time has come, the server is asked again: a refusal that any process met meanwhile has made it void.

Where the server is away, this process keeps a bucket of its own, a part of the portal's and full at first, since nobody
knows what has left; later it never has room for more than one. The server is tried again every second, whoever waits;
once it is back, the bucket there is taken for full, and for fuller than that by what those may let through who have
not yet noticed.
"""

import logging
from asyncio import get_running_loop, sleep
from collections.abc import Callable
from typing import Final

from attrs import frozen

from bitrix_chat.errors import ClientClosed
from bitrix_chat.limits.bucket import STANDARD, LeakyBucket, Plan
from bitrix_chat.redis.errors import RedisClosed, RedisFailed
from bitrix_chat.redis.limiter_script import MILLION, SCRIPT, Answer, Said, answer_of, arguments, is_same
from bitrix_chat.redis.reach import ANSWERS_WITHIN, ASKED_EVERY, Reach
from bitrix_chat.redis.talk import Talk

TAKEN_AT_ONCE: Final = 8
"""Slots that a queue takes in one go, so that one with many who wait leaves some of a burst to the others."""
_ROUNDING: Final = 1e-9

logger: Final = logging.getLogger("bitrix_chat")


@frozen
class _Reserved:
    epoch: int
    due: float


class RedisSlots:
    """The counter of one portal and source address, as `QueueingLimiter` asks it.

    Args:
        reach: the way to the server.
        key: where the counter is.
        plan: the portal's limit; None for the one that is kept there.
        fallback: which part of it this process keeps to while the server is away.
    """

    def __init__(self, reach: Reach, key: str, plan: Plan | None, fallback: float) -> None:
        self._reach = reach
        self._key = key
        self._part = fallback
        self._said = plan
        self._saying = Said.NEVER if plan is None else Said.NOW
        self._has_warned = False
        self._mirror = LeakyBucket(plan or STANDARD)
        self._alone: LeakyBucket | None = None
        self._ready = 0
        self._epoch = 0
        self._reserved: _Reserved | None = None
        self._refused_at: float | None = None
        self._error: Exception | None = None
        self._is_closed = False
        self._talk = Talk(self._converse, self._fail)
        self._waiting: Callable[[], int] = int
        self._grant: Callable[[], None] = lambda: None

    def serve(self, waiting: Callable[[], int], grant: Callable[[], None]) -> None:
        """Say who waits, and what to call when the first of them should ask again."""
        self._waiting, self._grant = waiting, grant

    @property
    def plan(self) -> Plan:
        """The portal's limit."""
        return self._mirror.plan

    @property
    def said(self) -> Plan | None:
        """The plan that was said here; None where it keeps whatever others say."""
        return self._said

    @property
    def pace(self) -> float:
        """Requests a second that all machines together count on, or this process where it is alone."""
        return (self._mirror if self._alone is None else self._alone).pace

    @property
    def is_alone(self) -> bool:
        """Whether the server is away, and this process keeps to its part."""
        return self._alone is not None

    def adopt(self, plan: Plan) -> None:
        """Keep another plan from now on, and have all others keep it."""
        self._said, self._saying, self._has_warned = plan, Said.NOW, False
        self._mirror.adopt(plan)
        if self._alone is not None:
            self._alone.adopt(self._part_of(plan))

    def take(self, now: float) -> bool:
        """Take a slot that was given back here; any other has to be asked for."""
        if self._is_closed:
            return False
        if self._alone is None:
            return self._take_ready(now)
        self._talk.go_on()  # another loop may have begun to try the server
        return self._bucket(now).take(now)

    def take_turn(self, now: float) -> bool:
        """Take a slot for the first who waits, or see that the server is asked for one."""
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        if self._is_closed:
            raise ClientClosed("the request limiter was closed before the call could leave")
        if self._alone is not None:
            is_granted = self._bucket(now).take(now)
        else:
            is_granted = self._refused_at is None and self._take_ready(now)
        if not is_granted:
            self._talk.go_on()
        return is_granted

    def until_turn(self, now: float) -> float | None:
        """Return when to ask again where this process is alone; else the server's answer tells."""
        return None if self._alone is None or self._is_closed else self._bucket(now).wait(now)

    def give_back(self) -> None:
        """Keep a slot by which nothing left for the next, or for the server."""
        if self._alone is not None:
            self._alone.give_back()
        else:
            self._ready += 1

    def rest(self) -> float | None:
        """Let the server have what nobody here waits for."""
        if (self._ready or self._reserved is not None) and not self._is_closed:
            self._talk.go_on()
        return None

    def free(self, now: float) -> int:
        """Return how many requests may leave now, as far as is known here."""
        return self._bucket(now).free(now) + self._ready

    def wait(self, now: float, count: int) -> float:
        """Return the seconds until the `count`-th request from now may leave, as far as is known here."""
        ahead = self._ready + (self._reserved is not None)
        return self._bucket(now).wait(now, max(1, count - ahead)) if count > ahead else 0.0

    def refuse(self, now: float, sent_at: float) -> bool:
        """Learn of a refusal; the server is told before anything else."""
        if not self._bucket(now).refuse(now, sent_at):
            return False
        if self._alone is None and not self._is_closed:
            self._ready = 0
            self._refused_at = sent_at
            self._talk.go_on()
        return True

    def forget_loop(self) -> None:
        """Begin anew in another event loop: what was reserved in the former was never used."""
        self._ready, self._reserved, self._refused_at, self._error = 0, None, None, None
        self._is_closed = False
        self._talk.forget_loop()

    async def close(self) -> None:
        """End the conversation; whoever waits, and whoever comes later in this loop, meets a `ClientClosed`."""
        self._shut()
        await self._talk.close()

    def _shut(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._ready, self._reserved, self._refused_at = 0, None, None
            self._grant()

    def _bucket(self, now: float) -> LeakyBucket:
        if self._alone is None:
            return self._mirror
        self._alone.assume_full(now, (1 + _ROUNDING) / self._alone.plan.leak)  # but for one request
        return self._alone

    def _part_of(self, plan: Plan) -> Plan:
        return Plan(plan.size * self._part, plan.leak * self._part)

    def _take_ready(self, now: float) -> bool:
        if not self._ready or now < self._mirror.paused_until:
            return False
        self._ready -= 1
        return True

    def _fail(self, error: Exception) -> bool:
        if not self._waiting():
            return False
        self._error = error
        self._grant()
        return True

    async def _converse(self) -> bool:
        try:
            return await (self._say_next() if self._alone is None else self._come_back())
        except RedisClosed:
            self._shut()
            return False
        except RedisFailed:
            self._go_alone()
            return True

    async def _say_next(self) -> bool:
        """Say what is to be said next; False where that is nothing."""
        if self._refused_at is not None:
            await self._tell_refusal(self._refused_at)
        elif self._ready and self._waiting() and not self._is_paused():
            self._grant()
            await sleep(0)
        elif self._ready or (self._reserved is not None and not self._waiting()):
            await self._give_up_what_is_left()
        elif not self._waiting():
            return False
        elif self._reserved is None or self._reserved.due <= get_running_loop().time():
            await self._take()
        else:
            await self._talk.pause(self._reserved.due - get_running_loop().time())
        return True

    async def _take(self) -> None:
        """Ask for slots, by what was reserved or anew, and let those pass who can."""
        reserved, self._reserved = self._reserved, None
        epoch = 0 if reserved is None else reserved.epoch
        answer = await self._say("take", epoch, min(max(1, self._waiting()), TAKEN_AT_ONCE))
        if answer.got:
            self._ready += answer.got
            self._grant()
        else:
            self._reserved = _Reserved(answer.epoch, get_running_loop().time() + answer.wait)

    async def _give_up_what_is_left(self) -> None:
        ready, reserved = self._ready, int(self._reserved is not None and self._reserved.epoch == self._epoch)
        self._ready, self._reserved = 0, None
        self._mirror.give_back(ready + reserved)
        await self._say("give", self._epoch, reserved, ready)

    async def _tell_refusal(self, sent_at: float) -> None:
        ago, epoch = get_running_loop().time() - sent_at, self._epoch
        answer = await self._say("refuse", 0, max(0, round(ago * MILLION)))
        if self._refused_at == sent_at:
            self._refused_at = None
        if answer.epoch != epoch:
            self._ready = 0
        if self._reserved is not None and self._reserved.epoch != answer.epoch:
            self._reserved = None

    async def _say(self, action: str, epoch: int, *others: int) -> Answer:
        plan, saying, asked_at = self.plan, self._saying, get_running_loop().time()
        raw = await self._reach.run(SCRIPT, [self._key], arguments(plan, action, epoch, *others, said=saying))
        answer = answer_of(raw, plan, asked_at)  # no wait is told longer than it is
        if plan is self.plan:  # else another was said while this was asked
            self._hear_of_plan(answer)
        self._epoch = answer.epoch
        if self._refused_at is None or action == "refuse":  # else the server does not know yet what is known here
            self._mirror.recall(answer.facts)
        return answer

    def _hear_of_plan(self, answer: Answer) -> None:
        """Keep the plan that is kept there, and warn where somebody has said another than was said here."""
        other = answer.former or answer.plan
        if self._saying is Said.NOW:
            self._saying = Said.BEFORE
        if self._said is not None and not is_same(other, self._said) and not self._has_warned:
            self._has_warned = True
            logger.warning(
                "processes that share %s say different plans, here %g/%g and there %g/%g: what was said last counts",
                *(self._key, self._said.size, self._said.leak, other.size, other.leak),
            )
        if not is_same(answer.plan, self.plan):
            self._mirror.adopt(answer.plan)

    def _is_paused(self) -> bool:
        return get_running_loop().time() < self._mirror.paused_until

    def _go_alone(self) -> None:
        if self._alone is None:
            now = get_running_loop().time()
            self._alone = LeakyBucket(self._part_of(self.plan))
            self._alone.assume_full(now, 0.0)
            self._ready, self._reserved, self._refused_at = 0, None, None
            self._grant()

    async def _come_back(self) -> bool:
        """Try the server once it is time, whether or not anybody waits: what was let through here is to count there."""
        if self._reach.again_in:
            await self._reach.until_again()
            return True
        await self._say("fill", 0, round(self._may_pass_elsewhere() * MILLION))
        self._alone = None
        self._grant()
        return True

    def _may_pass_elsewhere(self) -> float:
        """Return how many may leave where it is not yet known that the server is back: one each, and at the pace."""
        return (1 / self._part - 1) + (1 - self._part) * self.plan.leak * (ASKED_EVERY + ANSWERS_WITHIN)
