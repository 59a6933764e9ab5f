"""Row of the matrix in which several share one token file: its refresh token is spent once, whoever is first."""

import asyncio
import os
import sys
from pathlib import Path

from bitrix_chat import Outcome
from bitrix_chat.auth import FileTokenStore
from bitrix_chat.portal import Fault, Portal
from bitrix_chat.testing import on_virtual_clock
from tests.faults.matrix import Seen, row
from tests.faults.test_faults_tokens import ADD, TOKENS, client, creations, emulated, oauth, token_of


@row(32, fault="two clients of one token file refresh at once", expected="DONE", executions=40)
@on_virtual_clock
async def test_two_clients_of_one_token_file_spend_its_refresh_token_once(tmp_path: Path, seen: Seen):
    path = tmp_path / "token.json"
    async with emulated() as portal:
        one, other = oauth(portal, FileTokenStore(path)), oauth(portal, FileTokenStore(path))
        async with client(portal, one, max_in_flight=20) as b24, client(portal, other, max_in_flight=20) as neighbour:
            await asyncio.gather(b24.profile(), neighbour.profile())
            portal.expire_tokens()
            calls = creations(b24, 20) + creations(neighbour, 20)
            await asyncio.gather(*calls)
            assert portal.hits == 2 + 40 + 40
            assert [asked.outcome for asked in portal.token_requests] == ["ok"]
            seen(calls[-1].outcome, executions=portal.executions[ADD])


@row(32, fault="two processes of one token file refresh at once", expected="DONE", executions=2)
async def test_two_processes_of_one_token_file_spend_its_refresh_token_once(tmp_path: Path, seen: Seen):
    path = tmp_path / "token.json"

    async def sleep_when_both_are_here(seconds: float) -> None:
        while portal.hits < 2:  # noqa: ASYNC110  # another process sets no event
            await asyncio.sleep(0.01)
        await asyncio.sleep(seconds)

    portal = emulated(sleep=sleep_when_both_are_here)
    async with portal:
        await FileTokenStore(path).save(token_of(portal))
        portal.expire_tokens()
        portal.faults.add(Fault(method=ADD, delay=0.01, times=2), Fault(method=TOKENS, delay=0.5))
        endings = await asyncio.gather(*(creating_process(portal, path) for _ in range(2)))
        assert endings == [0, 0]
        assert [asked.outcome for asked in portal.token_requests] == ["ok"]
        stored = await FileTokenStore(path).load()
        assert stored is not None
        assert stored.refresh_token == portal.oauth.refresh_token
        seen(Outcome.DONE, executions=portal.executions[ADD])


async def creating_process(portal: Portal, path: Path) -> int:
    """Create one chat from the command line of a process, and return how it ended."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("BITRIX24_")} | {
        "BITRIX24_CLIENT_ID": portal.oauth.client_id,
        "BITRIX24_CLIENT_SECRET": portal.oauth.client_secret,
        "BITRIX24_TOKEN_FILE": str(path),
        "BITRIX24_AUTHORIZATION_SERVER": portal.authorization_server,
    }
    command = [sys.executable, "-m", "bitrix_chat", "call", ADD, "--params", '{"TITLE": "Shelf"}']
    process = await asyncio.create_subprocess_exec(*command, env=environ, stdout=asyncio.subprocess.DEVNULL)
    return await process.wait()
