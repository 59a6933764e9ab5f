"""The file store: private from the first byte, whole or untouched, and honest about foreign files."""

import asyncio
import json
import os
import stat
import sys

import pytest

from bitrix_chat.auth import FileTokenStore, MemoryTokenStore, Token
from bitrix_chat.errors import TokenStoreError

FIRST = Token("canary-access-1", "canary-refresh-1", "https://acme.bitrix24.com/rest/")
SECOND = Token("canary-access-2", "canary-refresh-2", "https://acme.bitrix24.com/rest/")
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "token.json"


def _mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@posix
async def test_the_files_are_for_the_owner_only_whatever_the_umask(path):
    before = os.umask(0)
    try:
        store = FileTokenStore(path)
        async with store.lock():
            await store.save(FIRST)
    finally:
        os.umask(before)
    assert [_mode(path), _mode(path.with_name("token.json.lock"))] == [0o600, 0o600]


@posix
async def test_the_temporary_file_is_private_before_its_first_byte(path, monkeypatch):
    modes = []
    real_open = os.open

    def recording_open(name, flags, mode=0o777, **kwargs):
        if str(name).endswith(".tmp"):
            modes.append((mode, bool(flags & os.O_EXCL)))
        return real_open(name, flags, mode, **kwargs)

    monkeypatch.setattr(os, "open", recording_open)
    await FileTokenStore(path).save(FIRST)
    assert modes == [(0o600, True)]


@posix
async def test_saving_tightens_a_file_that_others_could_read(path):
    path.write_text(json.dumps(FIRST.to_dict()))
    path.chmod(0o644)
    store = FileTokenStore(path)
    assert await store.load() == FIRST
    await store.save(SECOND)
    assert _mode(path) == 0o600


async def test_a_save_leaves_nothing_beside_the_file(path):
    store = FileTokenStore(path)
    await store.save(FIRST)
    assert [entry.name for entry in path.parent.iterdir()] == ["token.json"]


async def test_a_save_that_fails_leaves_the_old_pair_and_no_litter(path, monkeypatch):
    store = FileTokenStore(path)
    await store.save(FIRST)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TokenStoreError, match=r"token\.json: cannot be written: No space left on device"):
        await store.save(SECOND)
    monkeypatch.undo()
    assert await store.load() == FIRST
    assert [entry.name for entry in path.parent.iterdir()] == ["token.json"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"canary",
        b"\xff\xfe canary",
        b"[" * 100_000,
        b'["canary"]',
        b'{"canary": 1}',
        b'{"access_token": "canary", "refresh_token": "canary"}',
        b'{"access_token": "canary", "client_endpoint": "https://acme.bitrix24.com/rest/"}',
        json.dumps(FIRST.to_dict()).encode()[:-9],
    ],
)
async def test_a_foreign_or_damaged_file_is_named_and_not_quoted(path, content, everything_said):
    path.write_bytes(content)
    with pytest.raises(TokenStoreError, match=r"token\.json") as caught:
        await FileTokenStore(path).load()
    assert "canary" not in everything_said(caught.value)


async def test_a_folder_that_is_missing_is_named(tmp_path):
    store = FileTokenStore(tmp_path / "missing" / "token.json")
    assert await store.load() is None
    with pytest.raises(TokenStoreError, match=r"missing.token\.json: cannot be written"):
        await store.save(FIRST)
    with pytest.raises(TokenStoreError, match=r"missing.token\.json: the lock file cannot be opened"):
        async with store.lock():
            pass


async def test_a_path_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(TokenStoreError, match="cannot be read"):
        await FileTokenStore(tmp_path).load()


@posix
async def test_a_file_that_cannot_be_locked_is_named(path, monkeypatch):
    import fcntl

    def no_locks(descriptor, operation):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(TokenStoreError, match="cannot be locked: No locks available"):
        async with FileTokenStore(path).lock():
            pass


async def test_two_stores_on_one_path_keep_each_other_out_and_waiting_can_be_cancelled(path):
    first, second = FileTokenStore(path), FileTokenStore(str(path))

    async def hold():
        async with second.lock():
            pass

    async with first.lock():
        waiter = asyncio.create_task(hold())
        await asyncio.sleep(0.1)
        assert not waiter.done()
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
    async with asyncio.timeout(10):
        await hold()


@posix
async def test_a_link_and_its_target_share_one_lock(path, tmp_path):
    path.touch()
    link = tmp_path / "link.json"
    link.symlink_to(path)
    store = FileTokenStore(link)
    await store.save(FIRST)
    assert (store.path, link.is_symlink()) == (path, True)
    assert await FileTokenStore(path).load() == FIRST


async def test_a_cancelled_save_ends_only_when_the_file_is_whole(path):
    store = FileTokenStore(path)
    saving = asyncio.create_task(store.save(FIRST))
    await asyncio.sleep(0)
    saving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await saving
    assert json.loads(path.read_bytes()) == FIRST.to_dict()


async def test_a_cancelled_save_that_fails_complains_to_nobody(tmp_path):
    saving = asyncio.create_task(FileTokenStore(tmp_path / "missing" / "token.json").save(FIRST))
    await asyncio.sleep(0)
    saving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await saving


def test_reprs_show_where_and_not_what(path):
    assert str(path) in repr(FileTokenStore(path))
    assert "canary" not in repr(MemoryTokenStore(FIRST))
