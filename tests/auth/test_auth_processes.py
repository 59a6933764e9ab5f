"""Real processes on one token file: the lock is about them."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from bitrix_chat.auth import FileTokenStore

SCRIPT = Path(__file__).with_name("renewing_process.py")


async def test_four_processes_never_spend_a_refresh_token_twice(issuer, tmp_path):
    path = tmp_path / "token.json"
    await FileTokenStore(path).save(issuer.token())
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, str(SCRIPT), issuer.url, str(path), "8") for _ in range(4)
    ]
    codes = [await process.wait() for process in processes]
    assert codes == [0, 0, 0, 0]
    assert issuer.spent_uses == 0
    assert 8 <= len(issuer.asked) <= 32
    assert (await FileTokenStore(path).load()).refresh_token == issuer.token().refresh_token


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
async def test_a_killed_process_leaves_the_lock_to_the_others(issuer, tmp_path):
    store = FileTokenStore(tmp_path / "token.json")
    await store.save(issuer.token())
    issuer.gate.clear()
    process = await asyncio.create_subprocess_exec(sys.executable, str(SCRIPT), issuer.url, str(store.path), "1")
    await issuer.arrived.wait()
    process.send_signal(signal.SIGKILL)
    await process.wait()
    issuer.gate.set()
    async with asyncio.timeout(30), store.lock():
        assert await store.load() == issuer.token(1)
