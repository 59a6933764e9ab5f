"""Files are checked before they are sent, and arrive whole or not at all."""

import asyncio
import base64
import io
import os
import warnings
from contextlib import asynccontextmanager

import pytest

from bitrix_chat.errors import DownloadFailed, ExpiredToken, InvalidParameter
from bitrix_chat.resources import files
from bitrix_chat.resources.im.v2 import V2Resource
from bitrix_chat.resources.imbot import BotHandle
from bitrix_chat.resources.replacing import replacing
from bitrix_chat.rest.reference import ref
from bitrix_chat.rest.request import Request, Response, Safety
from bitrix_chat.testing import ScriptedTransport

LINK = "https://portal.example/rest/download.json?token=canary"
CONTENT = bytes(range(256)) * 10
UPLOADED = {"file": {"id": "138", "name": "plan.txt"}, "messageId": 77, "chatId": 5, "dialogId": "chat5"}
BRANCHES = {"bot": ("imbot.v2.File", {"botId": 456}, (138,)), "user": ("im.v2.File", {}, ("chat5", 138))}
REQUESTS = {
    "bot": {"botId": 456, "fileId": 138},
    "user": {"dialogId": "chat5", "fileId": 138},
}


class Broken:
    """A transport whose links break off after the first piece."""

    async def send(self, exchange):
        response = Response({"downloadUrl": LINK})
        exchange.succeed(response)
        return response

    def download(self, link, *, timeout=None):
        return _Breaking()


class _Breaking:
    async def __aenter__(self):
        return self._pieces()

    async def __aexit__(self, *_):
        return None

    async def _pieces(self):
        yield b"half"
        raise DownloadFailed("portal.example: it broke off")


class Deaf:
    """A transport that only sends."""

    async def send(self, exchange):
        raise AssertionError("nothing is to be sent")


@pytest.fixture(params=BRANCHES)
def branch(request):
    """Either branch of files: its methods' prefix, what goes along, and how one names a file."""

    class Branch:
        method, params, named = BRANCHES[request.param]
        download_params = REQUESTS[request.param]

        @staticmethod
        def over(transport):
            return BotHandle(transport, 456, None).file if request.param == "bot" else V2Resource(transport).file

    return Branch


@pytest.fixture
def script(branch):
    answers = {f"{branch.method}.download": {"downloadUrl": LINK}, f"{branch.method}.upload": UPLOADED}
    return ScriptedTransport(answers, {LINK: CONTENT})


@pytest.fixture
def file(branch, script):
    return branch.over(script)


class TestUpload:
    def test_a_file_is_sent_as_base64_and_never_twice(self, branch, file):
        call = file.upload("chat5", name="plan.txt", content=b"plan", message="The plan")
        fields = {"name": "plan.txt", "content": base64.b64encode(b"plan").decode(), "message": "The plan"}
        params = {**branch.params, "dialogId": "chat5", "fields": fields}
        assert call.request == Request(f"{branch.method}.upload", params, Safety.CREATE)
        uploaded = call.decode(UPLOADED)
        assert (uploaded.file.id, uploaded.message_id, uploaded.chat_id, uploaded.dialog_id) == (138, 77, 5, "chat5")

    @pytest.mark.parametrize("kind", ["bytes", "bytearray", "path", "open file", "memory"])
    def test_content_comes_as_bytes_or_from_a_file(self, file, tmp_path, kind):
        path = tmp_path / "plan.txt"
        path.write_bytes(CONTENT)
        with path.open("rb") as opened:
            content = {
                "bytes": CONTENT,
                "bytearray": bytearray(CONTENT),
                "path": path,
                "open file": opened,
                "memory": io.BytesIO(CONTENT),
            }[kind]
            fields = file.upload("chat5", name="plan.txt", content=content).request.params["fields"]
        assert fields == {"name": "plan.txt", "content": base64.b64encode(CONTENT).decode()}

    @pytest.mark.parametrize(
        ("arguments", "fault"),
        [
            ({"name": ""}, "`name` is empty"),
            ({"message": "x" * 20_001}, "`message` has 20001 characters"),
            ({"content": b""}, "`content` is empty"),
            ({"content": "plan.txt"}, "`content` is str, not bytes, a pathlib.Path or an open binary file"),
        ],
    )
    def test_what_cannot_be_uploaded(self, file, arguments, fault):
        with pytest.raises(InvalidParameter, match=fault):
            file.upload("chat5", **{"name": "plan.txt", "content": b"x", **arguments})

    def test_an_open_file_has_to_yield_bytes(self, file):
        for content, fault in ((io.BytesIO(), "is empty"), (io.StringIO("text"), "yields str, not bytes")):
            with pytest.raises(InvalidParameter, match=f"`content` {fault}"):
                file.upload("chat5", name="plan.txt", content=content)

    def test_a_file_that_cannot_be_read(self, file, tmp_path):
        with pytest.raises(InvalidParameter, match=r"`content`: the file cannot be read \(No such file or directory\)"):
            file.upload("chat5", name="plan.txt", content=tmp_path / "missing")
        with pytest.raises(InvalidParameter, match=r"`content`: the file cannot be read \(Is a directory\)"):
            file.upload("chat5", name="plan.txt", content=tmp_path)

    def test_more_than_100_mb_are_refused_with_the_number(self, file, monkeypatch):
        assert files.MAX_BYTES == 104_857_600
        monkeypatch.setattr(files, "MAX_BYTES", 10)
        assert file.upload("chat5", name="x", content=b"x" * 10).request
        for content in (b"x" * 11, io.BytesIO(b"x" * 11)):
            with pytest.raises(InvalidParameter, match=r"`content` has more than 10 bytes \(100 MB\)"):
                file.upload("chat5", name="x", content=content)

    async def test_a_stream_is_collected_and_uploaded(self, file, script):
        async def pieces():
            yield b"pl"
            yield bytearray(b"an")

        uploaded = await file.upload_stream("chat5", name="plan.txt", content=pieces(), message="The plan")
        assert uploaded.file.id == 138
        assert script.requests[0].params["fields"] == {
            "name": "plan.txt",
            "content": base64.b64encode(b"plan").decode(),
            "message": "The plan",
        }

    async def test_a_stream_is_read_no_further_than_the_portal_takes(self, file, script, monkeypatch):
        monkeypatch.setattr(files, "MAX_BYTES", 10)
        taken = []

        async def endless():
            while True:
                taken.append(4)
                yield b"four"

        with pytest.raises(InvalidParameter, match="`content` has more than 10 bytes"):
            await file.upload_stream("chat5", name="x", content=endless())
        assert (sum(taken), script.requests) == (12, [])

    async def test_a_stream_of_text_is_refused(self, file, script):
        async def texts():
            yield "text"

        with pytest.raises(InvalidParameter, match="`content` yields str, not bytes"):
            await file.upload_stream("chat5", name="x", content=texts())
        assert script.requests == []


class TestDownload:
    def test_a_link_is_a_secret(self, branch, file):
        call = file.download(*branch.named)
        assert call.request == Request(f"{branch.method}.download", branch.download_params, Safety.SAFE)
        link = call.decode({"downloadUrl": LINK})
        assert link.url == LINK
        assert "canary" not in repr(link) + str(link) + f"{link}"

    async def test_a_file_is_read_whole(self, branch, file):
        assert await file.read(*branch.named) == CONTENT

    async def test_a_file_is_read_in_pieces(self, branch, file):
        async with file.open(*branch.named) as pieces:
            assert [len(piece) async for piece in pieces] == [1024, 1024, 512]

    @pytest.mark.parametrize("as_text", [False, True])
    async def test_a_file_is_saved_in_place_of_an_older_one(self, branch, file, tmp_path, as_text):
        path = tmp_path / "plan.txt"
        path.write_bytes(b"old")
        assert await file.save(*branch.named, str(path) if as_text else path) == len(CONTENT)
        assert path.read_bytes() == CONTENT
        assert list(tmp_path.iterdir()) == [path]

    async def test_a_broken_download_leaves_what_was_there(self, branch, tmp_path):
        path = tmp_path / "plan.txt"
        path.write_bytes(b"old")
        with pytest.raises(DownloadFailed, match="it broke off"):
            await branch.over(Broken()).save(*branch.named, path)
        assert path.read_bytes() == b"old"
        assert list(tmp_path.iterdir()) == [path]

    async def test_a_file_that_cannot_be_written_is_not_asked_for(self, branch, file, script, tmp_path):
        with pytest.raises(FileNotFoundError):
            await file.save(*branch.named, tmp_path / "missing" / "plan.txt")
        assert script.requests == []

    async def test_a_transport_that_only_sends_is_not_asked_for_a_link(self, branch):
        with pytest.raises(TypeError, match="Deaf is no transport that downloads files"):
            await branch.over(Deaf()).read(*branch.named)

    async def test_a_file_that_was_never_opened_is_noticed(self, branch, file):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            file.open(*branch.named)
        assert [str(warning.message) for warning in caught] == [f"{branch.method}.download was never awaited"]


@pytest.fixture
def link_call():
    """A transport with a file behind a link, and the call that asks for the link."""
    transport = ScriptedTransport({"imbot.v2.File.download": {"downloadUrl": LINK}}, {LINK: CONTENT})
    return transport, BotHandle(transport, 456, None).file.download(138)


class TestWhatIsBounded:
    async def test_reading_stops_at_the_most_bytes(self, link_call):
        with pytest.raises(DownloadFailed, match="more than 2000 bytes"):
            await files.read(*link_call, max_bytes=2000)

    async def test_the_link_and_the_file_share_a_timeout(self, portal, tmp_path):
        async with portal.client(timeout=30) as b24:
            seen = []
            transport = Recording(b24._transport, seen)
            call = BotHandle(transport, 456, None).file.download(138)
            with pytest.raises(ZeroDivisionError):
                await files.read(transport, call, timeout=7)
        assert len(seen) == 1
        assert 0 < seen[0] <= 7

    async def test_a_timeout_is_more_than_0(self, link_call):
        with pytest.raises(InvalidParameter, match="timeout"):
            await files.read(*link_call, timeout=0)


class Recording:
    """A transport that notes the timeouts of downloads."""

    def __init__(self, inner, seen):
        self.inner, self.seen = inner, seen

    async def send(self, exchange):
        exchange.deadline = asyncio.get_running_loop().time() + exchange.timeout
        return Response({"downloadUrl": LINK})

    def download(self, link, *, timeout=None):
        self.seen.append(timeout)
        raise ZeroDivisionError


async def test_a_link_whose_token_expired_is_asked_for_once_more():
    class Expiring(ScriptedTransport):
        refusals = 1

        @asynccontextmanager
        async def download(self, link, **bound):
            if self.refusals:
                self.refusals -= 1
                raise ExpiredToken("old", code="expired_token")
            async with super().download(link, **bound) as pieces:
                yield pieces

    transport = Expiring({"imbot.v2.File.download": {"downloadUrl": LINK}}, {LINK: CONTENT})
    assert await BotHandle(transport, 456, None).file.read(138) == CONTENT
    assert len(transport.requests) == 2
    transport.refusals = 2
    with pytest.raises(ExpiredToken):
        await BotHandle(transport, 456, None).file.read(138)


class TestSaving:
    @pytest.mark.parametrize("kind", ["folder", "pipe"])
    async def test_what_is_no_regular_file_is_refused_before_asking(self, link_call, tmp_path, kind):
        path = tmp_path / kind
        path.mkdir() if kind == "folder" else os.mkfifo(path)
        with pytest.raises(OSError, match=r"directory|regular"):
            await files.save(*link_call, path)
        assert link_call[0].requests == []
        assert list(tmp_path.iterdir()) == [path]

    @pytest.mark.parametrize(("path", "fault"), [("", "is empty"), ("a\0b", "holds a NUL")])
    async def test_what_is_no_path_is_refused(self, link_call, path, fault):
        with pytest.raises(InvalidParameter, match=f"`path` {fault}"):
            await files.save(*link_call, path)

    async def test_a_link_on_disk_stays_one(self, link_call, tmp_path):
        target, link = tmp_path / "target", tmp_path / "link"
        link.symlink_to(target)
        await files.save(*link_call, link)
        assert link.is_symlink()
        assert target.read_bytes() == CONTENT

    @pytest.mark.parametrize(("before", "after"), [(None, 0o640), (0o600, 0o600), (0o604, 0o604)])
    async def test_a_file_keeps_its_mode_and_a_new_one_has_the_umasks(self, link_call, tmp_path, before, after):
        path = tmp_path / ("x" * 250)
        if before is not None:
            path.touch()
            path.chmod(before)
        umask = os.umask(0o027)
        try:
            await files.save(*link_call, path)
        finally:
            os.umask(umask)
        assert path.stat().st_mode & 0o777 == after

    def test_nobody_else_reads_the_part(self, tmp_path):
        with replacing(tmp_path / "plan.txt"):
            assert [part.stat().st_mode & 0o777 for part in tmp_path.iterdir()] == [0o600]


async def test_a_file_goes_to_the_portal_and_back(portal, b24, tmp_path):
    """The emulator stores what a bot uploads and gives it back through a signed link."""
    registered = await b24.imbot.bot.register("porter", name="Porter", token="canary-token")
    bot = b24.bot(registered.bot.id, token="canary-token")
    chat = (await bot.chat.add(title="Plans")).chat
    uploaded = await bot.file.upload(f"chat{chat.id}", name="plan.txt", content=CONTENT)
    assert await bot.file.read(uploaded.file.id) == CONTENT
    assert await bot.file.save(uploaded.file.id, tmp_path / "plan.txt") == len(CONTENT)


@pytest.mark.parametrize("halt", [False, True])
def test_a_batch_relies_on_no_message_of_an_upload(general, im, bot, halt):
    """The answer need not name one, and what then stands in its place is another message's number."""
    for branch in (bot.file, im.v2.file):
        uploaded = branch.upload("chat5", name="plan.txt", content=b"plan")
        deleting = im.message.delete(ref(uploaded)["messageId"])
        assert uploaded.request
        assert deleting.request
        with pytest.raises(InvalidParameter, match="`MESSAGE_ID` refers to what the earlier answer need not hold"):
            general.batch([uploaded, deleting], halt=halt)


@pytest.mark.parametrize("branch", ["bot", "im"])
async def test_both_branches_take_a_bound_of_time_and_of_size(branch, tmp_path):
    link = "https://portal.example/rest/download?token=canary"
    transport = ScriptedTransport(
        {"imbot.v2.File.download": {"downloadUrl": link}, "im.v2.File.download": {"downloadUrl": link}},
        {link: b"0123456789"},
    )
    b24 = transport.client()
    file, of = (b24.bot(456).file, (7,)) if branch == "bot" else (b24.im.v2.file, ("chat5", 7))
    assert await file.read(*of, max_bytes=10, timeout=5) == b"0123456789"
    assert await file.save(*of, tmp_path / "file", timeout=None) == 10
    async with file.open(*of, timeout=5) as pieces:
        assert b"".join([piece async for piece in pieces]) == b"0123456789"
    with pytest.raises(DownloadFailed):
        await file.read(*of, max_bytes=9)
    with pytest.raises(InvalidParameter, match="timeout"):
        await file.read(*of, timeout=0)
