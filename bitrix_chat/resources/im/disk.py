"""Files that are on the portal's drive already: `im.disk.*`."""

from collections.abc import Iterable
from typing import Any

from attrs import frozen
from typing_extensions import deprecated

from bitrix_chat.converters import SNAKE_ANSWERS, UPPER_ANSWERS, decoder
from bitrix_chat.models.disk import CommittedFiles, SavedFile
from bitrix_chat.resources import arguments
from bitrix_chat.resources.answers import done
from bitrix_chat.resources.arguments import DialogId, Id
from bitrix_chat.resources.resource import Resource
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.request import Transport


@frozen
class _Folder:
    id: int


_folder = decoder(UPPER_ANSWERS, _Folder, "im.disk.folder.get")
_files = decoder(UPPER_ANSWERS, CommittedFiles, "im.disk.file.commit")
_deleted = done("im.disk.file.delete")
_saved = decoder(SNAKE_ANSWERS, SavedFile, "im.disk.file.save")


def _folder_id(raw: Any) -> int:
    return _folder(raw).id


def _committed(raw: Any) -> CommittedFiles:
    # Files are keyed by `upload5` and so on.
    return _files({name: _by_id(part) for name, part in raw.items()} if isinstance(raw, dict) else raw)


def _by_id(part: Any) -> Any:
    return {key.removeprefix("upload"): file for key, file in part.items()} if isinstance(part, dict) else part


class DiskFolderResource(Resource):
    """`b24.im.disk.folder`: the folders of chats on the portal's drive."""

    @deprecated("the portal gives up im.disk.folder.get; use b24.im.v2.file.upload")
    def get(self, chat_id: Id | None = None, *, dialog_id: DialogId | None = None) -> Call[int]:
        """Get the id of a chat's folder on the drive. Deprecated: `b24.im.v2.file.upload` needs none.

        Args:
            chat_id: the chat's number, or else
            dialog_id: its dialog id.

        Raises:
            AccessDenied: there is no such chat, or the caller is no member.

        Source: `im.disk.folder.get` (scope `im`).
        """
        return self._upper("im.disk.folder.get", arguments.chat_or_dialog(chat_id, dialog_id), _folder_id)


class DiskFileResource(Resource):
    """`b24.im.disk.file`: files of the portal's drive in chats."""

    @deprecated("the portal gives up im.disk.file.commit; use b24.im.v2.file.upload")
    def commit(
        self,
        chat_id: Id | None = None,
        *,
        dialog_id: DialogId | None = None,
        file_ids: Iterable[Id] | None = None,
        upload_ids: Iterable[Id] | None = None,
        message: str | None = None,
        silent_mode: bool | None = None,
        as_file: bool | None = None,
    ) -> Call[CommittedFiles]:
        """Post files of the drive to a chat; every call posts them again. Deprecated: use `b24.im.v2.file.upload`.

        Args:
            chat_id: the chat's number, or else
            dialog_id: its dialog id.
            file_ids: files from anywhere on the drive, which are copied to the chat's folder.
            upload_ids: files that were put into the chat's folder.
            message: at most 20,000 characters.
            silent_mode: without telling the guest of an open line.
            as_file: images without a preview.

        Raises:
            InvalidParameter: no file is given, or not exactly one of `chat_id` and `dialog_id`.
            AccessDenied: there is no such chat, or the caller is no member.

        Source: `im.disk.file.commit` (scope `im`).
        """
        files = arguments.positive_ids("file_ids", file_ids)
        uploads = arguments.positive_ids("upload_ids", upload_ids)
        arguments.at_least_one(file_ids=files, upload_ids=uploads)
        params = {
            **arguments.chat_or_dialog(chat_id, dialog_id),
            "FILE_ID": files,
            "UPLOAD_ID": uploads,
            "MESSAGE": arguments.text("message", message, arguments.MAX_MESSAGE),
            "SILENT_MODE": arguments.flag("silent_mode", silent_mode),
            "AS_FILE": arguments.flag("as_file", as_file),
        }
        return self._upper("im.disk.file.commit", params, _committed)

    def delete(self, chat_id: Id, file_id: Id) -> Call[bool]:
        """Delete a file that the caller sent to a chat; true even where there was none.

        Source: `im.disk.file.delete` (scope `im`).
        """
        params = {
            "CHAT_ID": arguments.positive_id("chat_id", chat_id),
            "FILE_ID": arguments.positive_id("file_id", file_id),
        }
        return self._upper("im.disk.file.delete", params, _deleted)

    def save(self, file_id: Id) -> Call[SavedFile]:
        """Copy a file of a chat into the caller's own storage, once more with every call.

        Raises:
            FileRefused: there is no such file, or the caller may not read it.

        Source: `im.disk.file.save` (scope `im`).
        """
        params = {"FILE_ID": arguments.positive_id("file_id", file_id)}
        return self._upper("im.disk.file.save", params, _saved)


class DiskResource(Resource):
    """`b24.im.disk`: the portal's drive, as far as chats use it."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self.folder = DiskFolderResource(transport)
        self.file = DiskFileResource(transport)
