"""The loop whose time jumps."""

import asyncio
import time

import pytest

from bitrix_chat.testing import VirtualClockLoop, on_virtual_clock, run_on_virtual_clock


@on_virtual_clock
async def test_hours_pass_as_soon_as_nothing_is_ready():
    loop = asyncio.get_running_loop()
    began = loop.time()

    await asyncio.sleep(7200)

    assert loop.time() - began == pytest.approx(7200)


@on_virtual_clock
async def test_timers_fire_in_their_order():
    fired: list[int] = []
    loop = asyncio.get_running_loop()
    for delay in (3, 1, 2):
        loop.call_later(delay, fired.append, delay)

    await asyncio.sleep(4)

    assert fired == [1, 2, 3]


@on_virtual_clock
async def test_time_stands_still_while_a_thread_works():
    loop = asyncio.get_running_loop()
    alarm = loop.call_later(3600, lambda: pytest.fail("time jumped while a thread was working"))
    began = loop.time()

    await asyncio.to_thread(time.sleep, 0.05)

    assert loop.time() == began
    alarm.cancel()


@on_virtual_clock
async def test_sockets_on_loopback_are_waited_for():
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1):
            await asyncio.sleep(1)
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        for _ in range(100):
            writer.write(b"x")
            assert await asyncio.wait_for(reader.readexactly(1), 60) == b"x"
        writer.close()
        await writer.wait_closed()


def test_it_returns_what_the_coroutine_returns_and_raises_what_it_raises():
    async def answer(value: int) -> int:
        if value < 0:
            raise ValueError("negative")
        return value

    assert run_on_virtual_clock(answer(42)) == 42
    with pytest.raises(ValueError, match="negative"):
        run_on_virtual_clock(answer(-1))


def test_it_serves_as_a_runners_loop_factory():
    async def loop_of() -> type:
        return type(asyncio.get_running_loop())

    with asyncio.Runner(loop_factory=VirtualClockLoop) as runner:
        assert runner.run(loop_of()) is VirtualClockLoop
