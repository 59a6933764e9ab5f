"""Events and files of people: `im.v2.*`, which acts for the user of the webhook or token."""

import os
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import AbstractAsyncContextManager

from bitrix_chat.converters import CAMEL_ANSWERS, decoder
from bitrix_chat.models.event import EventPage, EventRecord
from bitrix_chat.models.file import DownloadLink, UploadedFile
from bitrix_chat.resources import arguments, files
from bitrix_chat.resources.answers import done
from bitrix_chat.resources.arguments import DialogId, Id
from bitrix_chat.resources.event_log import MAX_PAGE, event_page, event_pages, page_params
from bitrix_chat.resources.files import FileContent, Timeout
from bitrix_chat.resources.resource import Resource
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.request import Transport

_subscribed = done("im.v2.Event.subscribe")
_unsubscribed = done("im.v2.Event.unsubscribe")
_page = event_page("im.v2.Event.get")
_uploaded = decoder(CAMEL_ANSWERS, UploadedFile, "im.v2.File.upload")
_link = decoder(CAMEL_ANSWERS, DownloadLink, "im.v2.File.download")


class V2Resource(Resource):
    """`b24.im.v2`: events and files of the caller's chats, in the second generation of methods."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self.event = EventResource(transport)
        self.file = FileResource(transport)


class EventResource(Resource):
    """`b24.im.v2.event`: what happens in the caller's chats; the portal keeps events for 24 hours."""

    def subscribe(self) -> Call[bool]:
        """Begin to record the caller's events. Source: `im.v2.Event.subscribe` (scope `im`)."""
        return self._camel("im.v2.Event.subscribe", {}, _subscribed)

    def unsubscribe(self) -> Call[bool]:
        """Stop recording, and drop what was not fetched. Source: `im.v2.Event.unsubscribe` (scope `im`)."""
        return self._camel("im.v2.Event.unsubscribe", {}, _unsubscribed)

    def get(self, *, offset: int | None = None, limit: int | None = None) -> Call[EventPage]:
        """Fetch the events from `offset` on, at once; without a subscription there are none.

        Args:
            offset: the `next_offset` of the page before, which makes the portal forget all events below it. Without
                it the same first page comes again and again.
            limit: how many, 1000 at most; the portal's default is 100.

        Source: `im.v2.Event.get` (scope `im`).
        """
        return self._camel("im.v2.Event.get", page_params(offset, limit), _page)

    async def iter_events(
        self, *, offset: int | None = None, limit: int = MAX_PAGE
    ) -> AsyncGenerator[EventRecord, None]:
        """Yield every event that waits, page by page, and end where there are none now.

        Asking for the next page acknowledges the one before: the portal forgets its events as soon as you ask for the
        first event of the next. Those of the last page stay until `get(offset=last.event_id + 1)`, so they come
        again otherwise: tell them by `event_id`.

        Args:
            offset: where to begin; the portal forgets all events below it.
            limit: how many a page holds, 1000 at most.

        Raises:
            CursorStalled: a page led back to one that was read.

        Source: `im.v2.Event.get` (scope `im`).
        """
        async for page in event_pages(lambda cursor: self.get(offset=cursor, limit=limit), offset):
            for event in page.events:
                yield event


class FileResource(Resource):
    """`b24.im.v2.file`: files of the caller's chats."""

    def upload(
        self, dialog_id: DialogId, *, name: str, content: FileContent, message: str | None = None
    ) -> Call[UploadedFile]:
        """Post a file to a chat.

        The portal stores a file on every call: see `OutcomeUnknown` before a repetition.

        Args:
            dialog_id: the chat.
            name: the file's name, with its extension.
            content: bytes, a `pathlib.Path` or an open binary file; at most 100 MB, read into memory at once.
            message: a text to go with it.

        Raises:
            InvalidParameter: the content is empty, unreadable or too large; nothing was sent.
            AccessDenied: the caller is no member of the chat.
            NotFound: there is no such chat.
            FileRefused: the portal could not store it, or stored it and could not post it (`SEND_FAILED`).

        Source: `im.v2.File.upload` (scope `im`).
        """
        fields = files.file_fields(name, content, message)
        params = {"dialogId": arguments.dialog_id("dialog_id", dialog_id), "fields": fields}
        return self._camel("im.v2.File.upload", params, _uploaded)

    async def upload_stream(
        self, dialog_id: DialogId, *, name: str, content: AsyncIterable[bytes], message: str | None = None
    ) -> UploadedFile:
        """Collect an asynchronous stream of at most 100 MB and post it as `upload` does.

        Source: `im.v2.File.upload` (scope `im`).
        """
        whole = await files.collected(content)
        return await self.upload(dialog_id, name=name, content=whole, message=message)

    def download(self, dialog_id: DialogId, file_id: Id) -> Call[DownloadLink]:
        """Get a signed link to a file of a chat; whoever knows the link may read the file.

        Raises:
            AccessDenied: the caller is no member of the chat.
            NotFound: there is no such file in it.

        Source: `im.v2.File.download` (scope `im`).
        """
        params = {
            "dialogId": arguments.dialog_id("dialog_id", dialog_id),
            "fileId": arguments.positive_id("file_id", file_id),
        }
        return self._camel("im.v2.File.download", params, _link)

    def open(
        self, dialog_id: DialogId, file_id: Id, *, timeout: Timeout = "default"
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Open a file for reading in pieces: `async with file.open("chat5", 7) as pieces: async for piece in pieces`.

        Give a `timeout` where the host of the file is not trusted to end: a pause of 75 seconds fails the download, but
        one that drips takes as long as it likes.

        Raises:
            DownloadFailed: the link did not give the whole file.

        Source: `im.v2.File.download` (scope `im`).
        """
        return files.opened(self._transport, self.download(dialog_id, file_id), timeout)

    async def read(
        self,
        dialog_id: DialogId,
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

        Source: `im.v2.File.download` (scope `im`).
        """
        return await files.read(
            self._transport, self.download(dialog_id, file_id), max_bytes=max_bytes, timeout=timeout
        )

    async def save(
        self,
        dialog_id: DialogId,
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

        Source: `im.v2.File.download` (scope `im`).
        """
        return await files.save(self._transport, self.download(dialog_id, file_id), path, timeout=timeout)
