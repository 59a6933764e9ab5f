"""A client belongs to the event loop in which it was first used."""

import asyncio
import os
import sys
import threading
from collections.abc import Awaitable, Callable

import pytest

from bitrix_chat import BitrixChat, BitrixError, Outcome, WrongEventLoop
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.portal import Portal


@pytest.fixture
def b24():
    with Portal(plan=PortalPlan.UNLIMITED).in_thread() as portal:
        yield portal.client()


USES: dict[str, Callable[[BitrixChat], Awaitable[object]]] = {
    "a call": lambda b24: b24.profile(),
    "a call with a key": lambda b24: b24.im.chat.add(key="deal-1"),
    "closing": lambda b24: b24.close(),
}


async def failing(use: Awaitable[object]) -> BitrixError:
    with pytest.raises(WrongEventLoop) as caught:
        await use
    return caught.value


async def using_and_closing(b24: BitrixChat) -> None:
    async with b24:
        await b24.profile()


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_use_in_the_next_event_loop_is_refused(b24, use):
    asyncio.run(using_and_closing(b24))
    error = asyncio.run(failing(use(b24)))

    assert "was used before in another event loop; make a client for each" in str(error)
    assert isinstance(error, RuntimeError)
    assert error.outcome is Outcome.NOT_SENT


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_use_in_another_thread_is_refused(b24, use):
    errors: list[BitrixError] = []

    async def main() -> None:
        async with b24:
            await b24.profile()
            elsewhere = threading.Thread(target=lambda: errors.append(asyncio.run(failing(use(b24)))))
            elsewhere.start()
            await asyncio.to_thread(elsewhere.join)

    asyncio.run(main())
    assert "is in use in an event loop of another thread" in str(errors[0])


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_use_after_a_fork_is_refused(b24):
    asyncio.run(using_and_closing(b24))
    child = os.fork()
    if not child:
        error = asyncio.run(failing(USES["a call"](b24)))
        os._exit(0 if "in the process that this one was forked from" in str(error) else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_client_that_was_never_used_may_be_made_anywhere(b24):
    asyncio.run(using_and_closing(b24))
