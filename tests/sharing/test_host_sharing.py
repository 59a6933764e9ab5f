"""What clients of one host share, and where it is kept."""

import asyncio
import gc
import os
import stat
import tempfile
import weakref
from pathlib import Path

import pytest

from bitrix_chat import ENTERPRISE, STANDARD, BitrixChat, InvalidParameter, Plan, TokenStoreError, WebhookAuth
from bitrix_chat.auth import FileTokenStore, Token
from bitrix_chat.limits.errors import LimiterFileError
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.portal import Portal
from bitrix_chat.testing import on_virtual_clock
from bitrix_chat.transport.host_sharing import HostSharing
from bitrix_chat.transport.sharing import Sharing

HOST = "acme.bitrix24.example"
WEBHOOK = f"https://{HOST}/rest/1/house-secret/"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "shared"


def test_it_is_a_sharing_and_shows_its_folder(folder):
    assert isinstance(HostSharing(folder), Sharing)
    assert repr(HostSharing(folder)) == f"<HostSharing {folder}>"


async def test_clients_of_one_loop_share_the_limiter_and_its_queue(folder):
    assert HostSharing(folder).limiter(HOST, None, "") is HostSharing(folder).limiter(HOST, None, "")


async def test_portals_and_egress_addresses_are_counted_apart(folder):
    sharing = HostSharing(folder)

    made = [sharing.limiter(*key) for key in [(HOST, None, ""), (HOST, None, "proxy-2"), ("other.example", None, "")]]

    assert len({limiter.path for limiter in made}) == 3


async def test_the_host_may_be_written_in_any_case(folder):
    sharing = HostSharing(folder)

    assert sharing.limiter(HOST.upper(), None, "") is sharing.limiter(HOST, None, "")


async def test_a_plan_is_said_once_in_a_loop(folder):
    sharing = HostSharing(folder)
    limiter = sharing.limiter(HOST, None, "")
    assert limiter.plan == STANDARD

    assert sharing.limiter(HOST, ENTERPRISE, "") is limiter
    assert sharing.limiter(HOST, ENTERPRISE, "").plan == sharing.limiter(HOST, None, "").plan == ENTERPRISE
    with pytest.raises(InvalidParameter, match="already limited to Plan"):
        sharing.limiter(HOST, STANDARD, "")


def test_another_loop_counts_in_the_same_file(folder):
    async def take(count: int) -> list[bool]:
        limiter = HostSharing(folder).limiter(HOST, Plan(14, 0.001), "")
        return [limiter.try_acquire() for _ in range(count)]

    assert asyncio.run(take(10)) == [True] * 10
    assert asyncio.run(take(10)) == [True] * 3 + [False] * 7


async def test_a_limiter_that_no_client_holds_is_let_go_of(folder):
    limiter = HostSharing(folder).limiter(HOST, None, "")
    gone = weakref.ref(limiter)

    del limiter
    gc.collect()

    assert gone() is None


async def test_files_are_private_and_their_names_say_the_host_at_most(folder):
    sharing = HostSharing(folder)
    sharing.limiter(f"{HOST}/../../etc", None, "http://proxy-user:proxy-password@proxy.example")
    await _use(sharing.budget(WEBHOOK, 480.0))
    sharing.tokens("local.app", "member-1")
    await sharing.close()

    files = [path for path in folder.rglob("*") if path.is_file()]
    assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IMODE((folder / "tokens").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert {path.suffix for path in files} == {".limit", ".operating"}
    assert not [path for path in files if "secret" in path.name or "proxy" in path.name]
    assert all(path.parent == folder for path in files)


async def _use(budget):
    budget.depart("im.chat.add")
    await asyncio.sleep(0.05)
    budget.land("im.chat.add")
    await asyncio.sleep(0.01)


async def test_a_budget_is_one_a_loop_and_told_to_others_through_its_file(folder):
    one, other = HostSharing(folder), HostSharing(folder)
    budget = one.budget(WEBHOOK, 480.0)

    assert budget is other.budget(WEBHOOK, 480.0)
    assert budget is not one.budget(WEBHOOK, None)
    await _use(budget)
    await one.close()
    assert len(asyncio.all_tasks()) == 2  # another client uses it still
    await other.close()
    assert len(asyncio.all_tasks()) == 1
    del budget


async def test_closing_twice_or_without_having_used_it_is_fine(folder):
    sharing = HostSharing(folder)

    await sharing.close()
    sharing.budget(WEBHOOK, 480.0)
    gc.collect()
    await sharing.close()
    await sharing.close()


async def test_tokens_are_kept_by_application_and_portal(folder):
    token = Token("canary-access", "canary-refresh", f"https://{HOST}/rest/", "member-1")
    store = HostSharing(folder).tokens("local.app", "member-1")
    assert isinstance(store, FileTokenStore)

    await store.save(token)

    assert await HostSharing(folder).tokens("local.app", "member-1").load() == token
    assert await HostSharing(folder).tokens("local.app", "member-2").load() is None
    assert await HostSharing(folder).tokens("local.other", "member-1").load() is None


async def test_a_user_without_a_home_shares_limits_and_is_told_what_tokens_need(monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    sharing = HostSharing()

    with pytest.raises(TokenStoreError, match="no home folder to keep tokens in; set XDG_STATE_HOME"):
        sharing.tokens("local.app", "member-1")


async def test_nothing_stays_of_portals_that_nobody_uses_any_more(folder):
    sharing = HostSharing(folder)
    await _use(sharing.budget(WEBHOOK, 480.0))  # what is there once
    sizes = []
    for number in range(60):
        budget = sharing.budget(f"https://portal-{number}.example/rest/1/secret/", 480.0)
        sharing.limiter(f"portal-{number}.example", None, "")
        budget.depart("im.chat.add")
        budget.land("im.chat.add")
        await budget.close()
        del budget
        if number >= 20 and number % 20 == 0:
            gc.collect()
            sizes.append(sum(isinstance(it, weakref.WeakSet) for it in gc.get_objects()))

    assert sizes[-1] <= sizes[0] + 2


def trap(folder, how, monkeypatch):
    if how == "link":
        (folder.parent / "elsewhere").mkdir(mode=0o700)
        folder.symlink_to(folder.parent / "elsewhere")
    elif how == "file":
        folder.write_text("")
    elif how == "open to others":
        folder.mkdir()
        folder.chmod(0o777)
    else:
        folder.mkdir()
        monkeypatch.setattr("bitrix_chat.storage.private_file.is_foreign", lambda _: True)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("link", "is no folder"),
        ("file", "File exists"),
        ("open to others", "other users may write there; take that right from them: chmod 700"),
        ("another's", "belongs to another user"),
    ],
)
async def test_a_folder_that_may_be_a_trap_is_refused(folder, how, said, monkeypatch):
    trap(folder, how, monkeypatch)

    with pytest.raises(LimiterFileError, match=said):
        HostSharing(folder).limiter(HOST, None, "")
    with pytest.raises(LimiterFileError, match=said):
        HostSharing(folder).budget(WEBHOOK, 480.0)


async def test_a_trap_in_place_of_the_tokens_folder_is_refused(folder, monkeypatch):
    folder.mkdir()
    trap(folder / "tokens", "open to others", monkeypatch)

    with pytest.raises(TokenStoreError, match="other users may write there"):
        HostSharing(folder).tokens("local.app", "member-1")


async def test_limits_are_kept_where_the_system_keeps_what_runs_and_tokens_where_they_stay(tmp_path, monkeypatch):
    (tmp_path / "run").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    sharing = HostSharing()

    assert sharing.limiter(HOST, None, "").path.parent == tmp_path / "run" / "bitrix_chat"
    assert sharing.tokens("local.app", "member-1").path.parent == tmp_path / "state" / "bitrix_chat" / "tokens"


@pytest.mark.parametrize("runtime", ["", "run", "/there/is/no/such/folder"])
async def test_without_such_folders_there_are_others(tmp_path, monkeypatch, runtime):
    monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
    monkeypatch.setenv("XDG_STATE_HOME", "state")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    sharing = HostSharing()

    assert sharing.limiter(HOST, None, "").path.parent == tmp_path / f"bitrix_chat-{os.geteuid()}"
    assert sharing.tokens("local.app", "m").path.parent == Path.home() / ".local" / "state" / "bitrix_chat" / "tokens"


def test_two_clients_in_two_loops_keep_one_limit(tmp_path, monkeypatch):
    (tmp_path / "run").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))

    async def call(port: int) -> tuple[int, int]:
        async with Portal(plan=PortalPlan.UNLIMITED, port=port) as portal:
            auth = WebhookAuth(portal.webhook_url)
            async with BitrixChat(auth, shared="host", limiter=Plan(30, 0.001), allow_insecure_loopback=True) as b24:
                await asyncio.gather(*(b24.call("server.time") for _ in range(3)))
                host = portal.url.removeprefix("http://")
                return HostSharing().limiter(host, None, "").free(), int(host.partition(":")[2])

    free, port = asyncio.run(call(0))

    assert (free, asyncio.run(call(port))) == (26, (23, port))


@on_virtual_clock
async def test_a_client_leaves_no_task_behind(folder):
    async with Portal(plan=PortalPlan.UNLIMITED) as portal:
        sharing = HostSharing(folder)
        before = asyncio.all_tasks()
        async with portal.client(shared=sharing) as b24:
            await b24.call("server.time")
        await sharing.close()
        assert asyncio.all_tasks() <= before
