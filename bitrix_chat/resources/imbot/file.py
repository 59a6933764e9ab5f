"""Files that a bot posts and reads: `imbot.v2.File.*`."""

import os
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import AbstractAsyncContextManager

from bitrix_chat.converters import CAMEL_ANSWERS, decoder
from bitrix_chat.models.file import DownloadLink, UploadedFile
from bitrix_chat.resources import arguments, files
from bitrix_chat.resources.arguments import DialogId, Id
from bitrix_chat.resources.files import FileContent, Timeout
from bitrix_chat.resources.resource import BotScopedResource
from bitrix_chat.rest.call import Call

_uploaded = decoder(CAMEL_ANSWERS, UploadedFile, "imbot.v2.File.upload")
_link = decoder(CAMEL_ANSWERS, DownloadLink, "imbot.v2.File.download")


class FileResource(BotScopedResource):
    """`bot.file`: files in the chats of one bot."""

    def upload(
        self, dialog_id: DialogId, *, name: str, content: FileContent, message: str | None = None
    ) -> Call[UploadedFile]:
        """Post a file to a chat of which the bot is a member.

        The portal stores a file on every call: see `OutcomeUnknown` before a repetition.

        Args:
            dialog_id: the chat.
            name: the file's name, with its extension.
            content: bytes, a `pathlib.Path` or an open binary file; at most 100 MB, read into memory at once.
            message: a text to go with it.

        Raises:
            InvalidParameter: the content is empty, unreadable or too large; nothing was sent.
            FileRefused: the portal could not store it, or stored it and could not post it (`FILE_SEND_FAILED`).

        Source: `imbot.v2.File.upload` (scope `imbot`).
        """
        fields = files.file_fields(name, content, message)
        params = {**self._bot, "dialogId": arguments.dialog_id("dialog_id", dialog_id), "fields": fields}
        return self._camel("imbot.v2.File.upload", params, _uploaded)

    async def upload_stream(
        self, dialog_id: DialogId, *, name: str, content: AsyncIterable[bytes], message: str | None = None
    ) -> UploadedFile:
        """Collect an asynchronous stream of at most 100 MB and post it as `upload` does.

        Source: `imbot.v2.File.upload` (scope `imbot`).
        """
        whole = await files.collected(content)
        return await self.upload(dialog_id, name=name, content=whole, message=message)

    def download(self, file_id: Id) -> Call[DownloadLink]:
        """Get a signed link to a file of one of the bot's chats; whoever knows the link may read the file.

        Raises:
            NotFound: there is no such file.
            PermissionDeniedError: it is in no chat of the bot.

        Source: `imbot.v2.File.download` (scope `imbot`).
        """
        params = {**self._bot, "fileId": arguments.positive_id("file_id", file_id)}
        return self._camel("imbot.v2.File.download", params, _link)

    def open(self, file_id: Id, *, timeout: Timeout = "default") -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Open a file for reading in pieces: `async with bot.file.open(7) as pieces: async for piece in pieces`.

        Give a `timeout` where the host of the file is not trusted to end: a pause of 75 seconds fails the download, but
        one that drips takes as long as it likes.

        Raises:
            DownloadFailed: the link did not give the whole file.

        Source: `imbot.v2.File.download` (scope `imbot`).
        """
        return files.opened(self._transport, self.download(file_id), timeout)

    async def read(
        self,
        file_id: Id,
        *,
        max_bytes: int | None = files.MAX_BYTES,
        timeout: Timeout = "default",  # noqa: ASYNC109  # as `Call.within`
    ) -> bytes:
        """Read a whole file into memory, up to `max_bytes`; `timeout` bounds the link and the file together.

        Give a `timeout` where the host of the file is not trusted to end: a pause of 75 seconds fails the download, but
        one that drips takes as long as it likes.

        Raises:
            DownloadFailed: the link did not give the whole file.

        Source: `imbot.v2.File.download` (scope `imbot`).
        """
        return await files.read(self._transport, self.download(file_id), max_bytes=max_bytes, timeout=timeout)

    async def save(
        self,
        file_id: Id,
        path: str | os.PathLike[str],
        *,
        timeout: Timeout = "default",  # noqa: ASYNC109  # as `Call.within`
    ) -> int:
        """Write a file to disk and return how many bytes it has; what is at `path` is replaced once all is there.

        Give a `timeout` where the host of the file is not trusted to end: a pause of 75 seconds fails the download, but
        one that drips takes as long as it likes.

        Raises:
            DownloadFailed: the link did not give the whole file; nothing of it stays on disk.

        Source: `imbot.v2.File.download` (scope `imbot`).
        """
        return await files.save(self._transport, self.download(file_id), path, timeout=timeout)
