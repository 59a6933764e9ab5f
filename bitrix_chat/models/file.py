"""Files of chats, camelCase wherever they appear."""

from datetime import datetime
from typing import Any, ClassVar

from attrs import field, frozen

from bitrix_chat.models.json_text import elements_of, from_text
from bitrix_chat.rest.secret import concealed


@frozen(kw_only=True)
class FileImage:
    """An image's size in pixels."""

    DIALECT: ClassVar[str] = "camel"
    width: int | None = None
    height: int | None = None


def _actions(raw: Any) -> list[Any]:
    # JSON inside a string.
    return elements_of(from_text(raw))


@frozen(kw_only=True)
class ViewerAttributes:
    """What the portal's own viewer wants to know of a file."""

    DIALECT: ClassVar[str] = "camel"
    viewer: str | None = None
    viewer_type: str | None = None
    src: str | None = None
    viewer_resized: str | None = None
    object_id: int | None = None
    viewer_group_by: str | None = None
    im_chat_id: int | None = None
    title: str | None = None
    actions: list[Any] = field(factory=list, metadata={"read": _actions})


@frozen(kw_only=True)
class MediaUrl:
    """Addresses of previews, by their width in pixels as text."""

    DIALECT: ClassVar[str] = "camel"
    preview: dict[str, str] = field(factory=dict)


@frozen(kw_only=True)
class File:
    """A file in a chat; the addresses ask for a session of the portal, `download` gives one that does not."""

    DIALECT: ClassVar[str] = "camel"
    id: int
    chat_id: int | None = None
    date: datetime | None = None
    type: str | None = None
    """`image`, `video`, `audio` or `file`."""
    name: str = ""
    extension: str = ""
    size: int = 0
    """Bytes."""
    image: FileImage | None = None
    status: str | None = None
    progress: int | None = None
    author_id: int | None = None
    author_name: str = ""
    url_preview: str | None = None
    url_show: str | None = None
    url_download: str | None = None
    viewer_attrs: ViewerAttributes | None = None
    media_url: MediaUrl | None = None
    is_transcribable: bool = False
    is_video_note: bool = False
    is_voice_note: bool = False


@frozen(kw_only=True)
class UploadedFile:
    """A file and the message it was posted with (`imbot.v2.File.upload`, `im.v2.File.upload`)."""

    file: File
    message_id: int | None = None
    chat_id: int | None = None
    dialog_id: str = ""


def _address(raw: Any) -> str:
    if not isinstance(raw, str) or not raw.strip():
        raise ValueError("no address")
    return raw


@frozen(kw_only=True)
class DownloadLink:
    """A signed link to a file: whoever has it, has the file, so only `.url` shows it."""

    url: str = field(repr=False, converter=concealed, metadata={"wire": "downloadUrl", "read": _address})
