"""Ctrl-C, once and twice, and how far a run has come meanwhile."""

import asyncio
import os
import signal
import threading

import pytest

from bitrix_chat import Progress
from bitrix_chat.cli.bulk_progress import ProgressDisplay, sentence
from bitrix_chat.cli.interrupts import Interrupts, listening

ENDING = [signal.SIGINT, signal.SIGTERM]


@pytest.fixture
def done():
    return []


@pytest.fixture
def interrupts(done):
    return Interrupts(drain=lambda: done.append("drain"), stop=lambda: done.append("stop"))


async def told(interrupts, times):
    async with asyncio.timeout(10):
        for _ in iter(lambda: interrupts.count < times, False):
            await asyncio.sleep(0)


@pytest.mark.parametrize("number", ENDING)
async def test_the_first_signal_drains_and_the_second_stops(interrupts, done, number):
    with listening(interrupts):
        assert not interrupts
        os.kill(os.getpid(), number)
        await told(interrupts, 1)
        assert (bool(interrupts), done) == (True, ["drain"])
        os.kill(os.getpid(), number)
        await told(interrupts, 2)
    assert done == ["drain", "stop"]


async def test_two_signals_at_once_are_two(interrupts, done):
    with listening(interrupts):
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        await told(interrupts, 2)
    assert done == ["drain", "stop"]


async def test_a_third_signal_is_for_whoever_had_it_before(interrupts, done, monkeypatch):
    before = []
    previous = signal.signal(signal.SIGTERM, lambda *_: before.append("before"))
    try:
        with listening(interrupts):
            for times in (1, 2):
                os.kill(os.getpid(), signal.SIGTERM)
                await told(interrupts, times)
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(0)
    finally:
        signal.signal(signal.SIGTERM, previous)
    assert before == ["before"]
    assert done == ["drain", "stop"]


async def test_afterwards_signals_are_as_they_were(interrupts):
    before = [signal.getsignal(number) for number in ENDING]
    with listening(interrupts):
        assert [signal.getsignal(number) for number in ENDING] != before
    assert [signal.getsignal(number) for number in ENDING] == before


def test_outside_the_main_thread_signals_are_left_alone(interrupts):
    before = [signal.getsignal(number) for number in ENDING]
    seen = []

    async def listen():
        with listening(interrupts):
            seen.extend(signal.getsignal(number) for number in ENDING)

    thread = threading.Thread(target=lambda: asyncio.run(listen()))
    thread.start()
    thread.join()
    assert seen == before


@pytest.mark.parametrize(
    ("progress", "said"),
    [
        (Progress(rate=81.27, eta=61.0, limited_by="requests"), "81.3/s, 61 s left, limited by the request limit"),
        (Progress(limited_by="operating", eta=700), "0.0/s, 12 min left, limited by the operating limit"),
        (Progress(limited_by="latency"), "0.0/s, limited by the portal's own work"),
        (Progress(limited_by="consumer"), "0.0/s, limited by this machine"),
        (Progress(failed=1200, unknown=1), "0.0/s, 1,200 failed, 1 unknown"),
    ],
)
def test_progress_says_rate_time_left_what_limits_and_what_went_wrong(progress, said):
    assert sentence(progress) == said


def test_where_nobody_watches_a_line_a_minute_is_enough(capsys):
    with ProgressDisplay() as display:
        for second in range(0, 130, 10):
            display(Progress(done=second, total=1500, rate=1.0, elapsed=second))
    assert [line.split(",")[0] for line in capsys.readouterr().err.splitlines()] == [
        "bitrix-chat: 60 of 1",
        "bitrix-chat: 120 of 1",
    ]


def test_whoever_watches_sees_a_bar(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with ProgressDisplay() as display:
        display(Progress(done=30, total=60, rate=12.5, eta=2.4, limited_by="requests"))
    shown = capsys.readouterr().err
    assert "30/60" in shown
    assert "limited by the request limit" in shown
