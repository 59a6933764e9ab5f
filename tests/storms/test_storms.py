"""A thousand calls at once, alone on the address and beside a stranger who never waits, each a request of its own."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from attrs import define, field

from bitrix_chat import BitrixChat, MemoryRateLimiter
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.portal import Portal
from bitrix_chat.testing import on_virtual_clock

CALLS = 1000
EPOCH = 1_800_000_000


@define
class Storm:
    """A portal that counts, and what we saw of the pace; all times are seconds since the beginning."""

    portal: Portal
    b24: BitrixChat
    limiter: MemoryRateLimiter
    began: float
    done: list[float] = field(factory=list)
    paces: list[tuple[float, float]] = field(factory=list)
    strangers: list[float] = field(factory=list)

    def now(self) -> float:
        return asyncio.get_running_loop().time() - self.began

    async def create(self, number: int) -> int:
        chat_id: int = await self.b24.im.chat.add(title=f"Chat {number}")
        self.done.append(self.now())
        self.paces.append((self.now(), self.limiter.pace))
        return chat_id

    def refused(self) -> int:
        """How many attempts of ours were refused."""
        ours = (each for each in self.portal.requests if each.user_agent.startswith("bitrix_chat/"))
        return sum(each.status == 503 for each in ours)

    def throughput(self, start: float, end: float) -> float:
        return sum(start <= when < end for when in self.done) / (end - start)

    def left_by_strangers(self, start: float, end: float) -> float:
        """What the portal's drain of two a second left to us."""
        return 2 - sum(start <= when < end for when in self.strangers) / (end - start)

    def pace(self, start: float, end: float) -> float:
        """The mean pace over a time."""
        inside = [(when, pace) for when, pace in self.paces if start <= when < end]
        return sum(pace * (later - when) for (when, pace), (later, _) in itertools.pairwise(inside)) / (
            inside[-1][0] - inside[0][0]
        )


@asynccontextmanager
async def storm(*, coalesce: bool = False) -> AsyncIterator[Storm]:
    loop = asyncio.get_running_loop()
    began, limiter = loop.time(), MemoryRateLimiter()
    # The portal's seconds begin with ours, so that it is known who comes first in each.
    async with (
        Portal(plan=PortalPlan.STANDARD, clock=lambda: EPOCH + loop.time() - began) as portal,
        portal.client(limiter=limiter, coalesce=coalesce) as b24,
    ):
        yield Storm(portal, b24, limiter, began)


async def stranger(storm: Storm, moments: Iterator[float]) -> None:
    """Send at given moments from the same address, whatever is answered."""
    async with aiohttp.ClientSession() as session:
        for moment in moments:
            await asyncio.sleep(moment - storm.now())
            async with session.post(f"{storm.portal.webhook_url}server.time") as response:
                if response.status == 200:
                    storm.strangers.append(moment)


def punctual(start: int, end: int) -> Iterator[float]:
    """Come first after each drain, so that the portal always has room."""
    return (second + 0.01 for second in range(start, end))


def somewhere(seed: int) -> Callable[[int, int], Iterator[float]]:
    """Come anywhere in each second, in vain at times."""
    chance = random.Random(seed)  # noqa: S311  # repeatable, and no secret
    return lambda start, end: (second + chance.random() for second in range(start, end))


@on_virtual_clock
async def test_a_thousand_calls_alone_on_the_address_are_never_refused():
    async with storm() as alone:
        ids = await asyncio.gather(*map(alone.create, range(CALLS)))

        assert len(set(ids)) == len(alone.portal.chats) == CALLS
        assert alone.portal.refused == 0
        assert alone.portal.hits == CALLS
        assert alone.now() == pytest.approx((CALLS - 46) / 2, abs=1)


@pytest.mark.parametrize("moments", [punctual, somewhere(1), somewhere(2)], ids=["first", "anywhere", "elsewhere"])
def test_beside_a_stranger_all_calls_end_with_few_refused_and_the_pace_is_what_the_stranger_leaves(moments):
    on_virtual_clock(_beside_a_stranger)(moments)


async def _beside_a_stranger(moments: Callable[[int, int], Iterator[float]]) -> None:
    arrives, leaves = 60, 300
    async with storm() as shared:
        noise = asyncio.create_task(stranger(shared, moments(arrives, leaves)))
        ids = await asyncio.gather(*map(shared.create, range(CALLS)))
        await noise

        assert len(set(ids)) == len(shared.portal.chats) == CALLS
        assert shared.refused() <= CALLS * 0.05
        assert shared.throughput(arrives - 30, arrives) == pytest.approx(2, rel=0.05)
        left = shared.left_by_strangers(arrives + 30, leaves)
        assert shared.throughput(arrives + 30, leaves) == pytest.approx(left, rel=0.05)
        assert shared.throughput(arrives + 30, arrives + 90) == pytest.approx(left, rel=0.15)
        assert shared.pace(arrives + 30, leaves) == pytest.approx(left, rel=0.15)
        assert shared.throughput(leaves + 60, leaves + 120) == pytest.approx(2, rel=0.05)
        assert {pace for when, pace in shared.paces if when > leaves + 60} == {2.0}


@on_virtual_clock
async def test_a_thousand_calls_that_travel_together_need_no_more_than_the_burst():
    async with storm(coalesce=True) as alone:
        ids = await asyncio.gather(*map(alone.create, range(CALLS)))

        assert [alone.portal.chats[chat_id].title for chat_id in ids] == [f"Chat {number}" for number in range(CALLS)]
        assert alone.portal.refused == 0
        assert CALLS / 50 <= alone.portal.hits <= 46
        assert alone.now() < 5


@on_virtual_clock
async def test_beside_a_stranger_a_thousand_calls_that_travel_together_are_each_made_once():
    async with storm(coalesce=True) as shared:
        noise = asyncio.create_task(stranger(shared, somewhere(3)(0, 300)))
        for _ in range(50):
            await shared.b24.server.time()
        ids = await asyncio.gather(*map(shared.create, range(CALLS)))
        noise.cancel()
        await asyncio.gather(noise, return_exceptions=True)

        assert len(set(ids)) == len(shared.portal.chats) == CALLS
        assert shared.refused() <= 3


@on_virtual_clock
async def test_two_clients_that_share_no_limiter_both_finish_and_share_what_there_is():
    async with storm() as ours, ours.portal.client(limiter=MemoryRateLimiter(), coalesce=False) as another:
        theirs = asyncio.gather(*(another.im.chat.add(title=f"Theirs {number}") for number in range(300)))
        ids = await asyncio.gather(*map(ours.create, range(300)), theirs)

        assert len(ours.portal.chats) == 600
        assert len({*ids[:-1], *ids[-1]}) == 600
        assert ours.refused() <= 600 * 0.1
        assert ours.now() < 600 / 2 * 1.25


@on_virtual_clock
async def test_beside_a_stranger_who_takes_three_quarters_all_calls_end_too():
    async with storm() as tight:
        noise = asyncio.create_task(stranger(tight, (0.005 + count * 2 / 3 for count in range(3000))))
        ids = await asyncio.gather(*map(tight.create, range(200)))
        noise.cancel()
        await asyncio.gather(noise, return_exceptions=True)

        assert len(set(ids)) == len(tight.portal.chats) == 200
        assert tight.refused() <= 200 * 0.1
