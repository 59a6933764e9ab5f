"""Files as the portal's drive keeps them, apart from how chats show them."""

from datetime import datetime
from typing import ClassVar

from attrs import field, frozen

from bitrix_chat.models.chat import none_for_zero
from bitrix_chat.models.file import File


@frozen(kw_only=True)
class DriveLinks:
    """Paths on the portal, which ask for a session of it."""

    DIALECT: ClassVar[str] = "camel"
    download: str = ""
    show_in_grid: str = ""
    preview: str | None = None


@frozen(kw_only=True)
class DriveFile:
    """A file of the drive; the portal writes most of its dates as `{}`, which is None here."""

    DIALECT: ClassVar[str] = "camel"
    id: int
    name: str = ""
    create_time: datetime | None = None
    update_time: datetime | None = None
    delete_time: datetime | None = None
    code: str | None = None
    xml_id: str | None = None
    storage_id: int | None = None
    real_object_id: int | None = None
    parent_id: int | None = None
    """The folder."""
    deleted_type: int = 0
    created_by: int | None = field(default=None, converter=none_for_zero)
    updated_by: int | None = field(default=None, converter=none_for_zero)
    deleted_by: int | None = field(default=None, converter=none_for_zero)
    unique_code: str | None = None
    type_file: int | None = None
    global_content_version: int | None = None
    file_id: int | None = None
    """The number of the stored content, which other files may share."""
    size: int = 0
    """Bytes."""
    etag: str | None = None
    links: DriveLinks | None = None


@frozen(kw_only=True)
class CommittedFiles:
    """Files that were posted to a chat (`im.disk.file.commit`), by the ids that were asked for.

    Attributes:
        files: as chats show them.
        disk_id: the files' numbers now, those of the copies where files came from elsewhere.
        file_models: as the drive keeps them.
        message_id: the message that holds them.
    """

    files: dict[int, File] = field(factory=dict)
    disk_id: list[int] = field(factory=list)
    file_models: dict[int, DriveFile] = field(factory=dict)
    message_id: int | None = None


@frozen(kw_only=True)
class DriveObject:
    """A file or folder by its number and name."""

    id: int
    name: str = ""


@frozen(kw_only=True)
class SavedFile:
    """A copy in the caller's own storage (`im.disk.file.save`)."""

    folder: DriveObject
    file: DriveObject
