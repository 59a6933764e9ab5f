"""The portal's drive, as far as chats know it: a folder for each chat, a storage for each person, files in both.

Files and folders draw their ids from one sequence, as the objects of the real drive do.
"""

import mimetypes
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath
from typing import Final, final

import attrs

from bitrix_chat.portal.images import image_size

_UNKNOWN: Final = "application/octet-stream"


@final
@attrs.frozen
class Folder:
    """A folder of exactly one chat or one person; the other id is 0."""

    id: int
    chat_id: int = 0
    user_id: int = 0


@final
@attrs.define(kw_only=True)
class DriveFile:
    """A file with its bytes; `plain` makes an image an ordinary file to whoever looks at it."""

    id: int
    folder: Folder
    name: str
    content: bytes = attrs.field(repr=False)
    content_type: str
    author: int
    created_at: float
    plain: bool = False

    @property
    def extension(self) -> str:
        """The extension, without its dot."""
        return PurePosixPath(self.name).suffix.removeprefix(".").lower()

    @property
    def image(self) -> tuple[int, int] | None:
        """Width and height in pixels, judged by the bytes and not by the name."""
        return image_size(self.content)

    @property
    def kind(self) -> str:
        """The `type` in answers: image, video, audio or file."""
        if self.plain:
            return "file"
        if self.image is not None:
            return "image"
        family = self.content_type.partition("/")[0]
        return family if family in {"video", "audio"} else "file"


@final
class Drive:
    """Files by id, folders by owner, and which message carries which files."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.files: dict[int, DriveFile] = {}
        self._clock = clock
        self._last_id = 0
        self._of_chat: dict[int, Folder] = {}
        self._of_user: dict[int, Folder] = {}
        self._of_message: dict[int, tuple[int, ...]] = {}

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def folder_of_chat(self, chat_id: int) -> Folder:
        """Find the folder of a chat, or make it."""
        if chat_id not in self._of_chat:
            self._of_chat[chat_id] = Folder(self._next_id(), chat_id=chat_id)
        return self._of_chat[chat_id]

    def storage_of(self, user_id: int) -> Folder:
        """Find the folder of a person, or make it."""
        if user_id not in self._of_user:
            self._of_user[user_id] = Folder(self._next_id(), user_id=user_id)
        return self._of_user[user_id]

    def folder(self, folder_id: int) -> Folder | None:
        """Find a folder by its id."""
        folders = (*self._of_chat.values(), *self._of_user.values())
        return next((folder for folder in folders if folder.id == folder_id), None)

    def add(
        self, folder: Folder, name: str, content: bytes, *, author: int, content_type: str | None = None
    ) -> DriveFile:
        """Store a file; a name that is taken gets a number, and no type makes the name decide."""
        file = DriveFile(
            id=self._next_id(),
            folder=folder,
            name=self._free_name(folder, name),
            content=content,
            content_type=content_type or mimetypes.guess_type(name)[0] or _UNKNOWN,
            author=author,
            created_at=self._clock(),
        )
        self.files[file.id] = file
        return file

    def _free_name(self, folder: Folder, name: str) -> str:
        taken = {file.name for file in self.files.values() if file.folder == folder}
        suffix = PurePosixPath(name).suffix
        candidate, number = name, 0
        while candidate in taken:
            number += 1
            candidate = f"{name.removesuffix(suffix)} ({number}){suffix}"
        return candidate

    def copy(self, file: DriveFile, folder: Folder, author: int) -> DriveFile:
        """Store the same bytes in another folder."""
        return self.add(folder, file.name, file.content, author=author, content_type=file.content_type)

    def attach(self, message_id: int, files: Iterable[DriveFile]) -> None:
        """Let a message carry files."""
        self._of_message[message_id] = tuple(file.id for file in files)

    def files_of(self, message_id: int) -> list[DriveFile]:
        """List the files that a message carries and nobody deleted."""
        return [self.files[file_id] for file_id in self._of_message.get(message_id, ()) if file_id in self.files]
