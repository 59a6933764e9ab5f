"""The blocks an attachment is built of, one class for each key that the portal knows, and one for all others."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from attrs import field, frozen

from bitrix_chat.errors import InvalidParameter
from bitrix_chat.models.fields import (
    KEY,
    ColorToken,
    any_text,
    at_most_one,
    byte_count,
    choice,
    color_token,
    elements,
    filled_text,
    hex_color,
    optional,
    part_wire,
    positive_number,
    required,
    web_link,
    written,
)


class AvatarType(StrEnum):
    """What a `UserBlock` without a picture of its own stands for."""

    USER = "USER"
    CHAT = "CHAT"
    BOT = "BOT"


class GridDisplay(StrEnum):
    """How a row of a `GridBlock` is laid out."""

    BLOCK = "BLOCK"
    """The value below the name."""
    LINE = "LINE"
    """Cards beside one another, as many as fit."""
    ROW = "ROW"
    """Two columns; the name or the value alone takes both."""
    TABLE = "TABLE"
    """Two narrow columns; some clients show them as `ROW`."""


def _avatar_type(value: AvatarType | str | None) -> AvatarType | None:
    return choice("avatar_type", AvatarType, value)


def _row_display(value: GridDisplay | str | None) -> GridDisplay | None:
    return choice("display", GridDisplay, value)


def _grid_display(value: GridDisplay | str) -> GridDisplay:
    return choice("display", GridDisplay, value) or GridDisplay.BLOCK


@frozen
class MessageBlock:
    """A text with BB code, sent as it is: `bb_code.escape` what strangers typed."""

    text: str = field(validator=required(filled_text))

    def to_wire(self) -> dict[str, Any]:
        """Write the block as the portal wants it."""
        return {"MESSAGE": str(self.text)}


@frozen
class LinkBlock:
    """A link with a name, a description and a preview image.

    Attributes:
        link: http, https, or a path on the portal that starts with a slash.
        name: shown instead of the address.
        html: shown instead of `description`, so only one of them may be given.
        width: the preview's, in pixels.
        height: the preview's, in pixels.
        user_id: opened inside the messenger; like `chat_id` and `network_id` alone of its kind and with a `name`.
    """

    link: str = field(validator=required(web_link))
    name: str | None = field(default=None, validator=optional(filled_text))
    description: str | None = field(default=None, kw_only=True, validator=optional(any_text), metadata={KEY: "DESC"})
    html: str | None = field(default=None, kw_only=True, validator=optional(any_text))
    preview: str | None = field(default=None, kw_only=True, validator=optional(web_link))
    width: int | None = field(default=None, kw_only=True, validator=optional(positive_number))
    height: int | None = field(default=None, kw_only=True, validator=optional(positive_number))
    user_id: int | None = field(default=None, kw_only=True, validator=optional(positive_number))
    chat_id: int | None = field(default=None, kw_only=True, validator=optional(positive_number))
    network_id: str | None = field(default=None, kw_only=True, validator=optional(filled_text))

    def __attrs_post_init__(self) -> None:
        at_most_one(self, ("description", "html"))
        inside = at_most_one(self, ("user_id", "chat_id", "network_id"))
        if inside and self.name is None:
            raise InvalidParameter(f"`{inside[0]}` needs a `name`, without which the portal ignores it")

    def to_wire(self) -> dict[str, Any]:
        """Write the block as the portal wants it."""
        return {"LINK": written(self)}


@frozen
class UserBlock:
    """A card with a name and a picture.

    Attributes:
        avatar: the picture's address: http, https, or a path on the portal.
        link: where a click leads; the portal keeps only one of `link`, `user_id`, `chat_id`, `bot_id`, `network_id`.
    """

    name: str = field(validator=required(filled_text))
    avatar: str | None = field(default=None, kw_only=True, validator=optional(web_link))
    link: str | None = field(default=None, kw_only=True, validator=optional(web_link))
    user_id: int | None = field(default=None, kw_only=True, validator=optional(positive_number))
    chat_id: int | None = field(default=None, kw_only=True, validator=optional(positive_number))
    bot_id: int | None = field(default=None, kw_only=True, validator=optional(positive_number))
    network_id: str | None = field(default=None, kw_only=True, validator=optional(filled_text))
    avatar_type: AvatarType | None = field(default=None, kw_only=True, converter=_avatar_type)

    def __attrs_post_init__(self) -> None:
        at_most_one(self, ("link", "user_id", "chat_id", "bot_id", "network_id"))

    def to_wire(self) -> dict[str, Any]:
        """Write the block as the portal wants it."""
        return {"USER": written(self)}


@frozen
class GridRow:
    """A name and a value; the value may hold BB code and is sent as it is.

    Attributes:
        display: like the grid's where it is not given; the portal asks not to mix layouts in one grid.
        width: pixels of the block or column.
        height: pixels of the block.
        color: the value's, for clients that do not know `color_token`.
        link: where the value leads.
    """

    name: str | None = field(default=None, validator=optional(any_text))
    value: str | None = field(default=None, validator=optional(any_text))
    display: GridDisplay | None = field(default=None, kw_only=True, converter=_row_display)
    width: int | None = field(default=None, kw_only=True, validator=optional(positive_number))
    height: int | None = field(default=None, kw_only=True, validator=optional(positive_number))
    color_token: ColorToken | None = field(default=None, kw_only=True, converter=color_token)
    color: str | None = field(default=None, kw_only=True, validator=optional(hex_color))
    link: str | None = field(default=None, kw_only=True, validator=optional(web_link))
    user_id: int | None = field(default=None, kw_only=True, validator=optional(positive_number))
    chat_id: int | None = field(default=None, kw_only=True, validator=optional(positive_number))

    def to_wire(self) -> dict[str, Any]:
        """Write the row as the portal wants it."""
        return written(self)


def _rows(value: Iterable[GridRow | Mapping[str, Any]]) -> tuple[GridRow | Mapping[str, Any], ...]:
    return elements("rows", value, (GridRow,))


@frozen
class GridBlock:
    """Names and values in rows.

    Attributes:
        rows: `GridRow` or the portal's own JSON.
        display: the layout of all rows that have none of their own.
    """

    rows: tuple[GridRow | Mapping[str, Any], ...] = field(converter=_rows)
    display: GridDisplay = field(default=GridDisplay.BLOCK, kw_only=True, converter=_grid_display)

    def __attrs_post_init__(self) -> None:
        for index, row in enumerate(self.rows):
            if isinstance(row, GridRow):
                self._check(f"rows[{index}]", row)

    def _check(self, place: str, row: GridRow) -> None:
        display, name = row.display or self.display, (row.name or "").strip()
        if not name and display in (GridDisplay.BLOCK, GridDisplay.TABLE):
            raise InvalidParameter(f"`{place}.name` is empty, and the portal drops a {display} row without a name")
        if not name and not (row.value or "").strip():
            raise InvalidParameter(f"`{place}` has neither a name nor a value")

    def to_wire(self) -> dict[str, Any]:
        """Write the block as the portal wants it."""
        return {"GRID": [self._row_wire(row) for row in self.rows]}

    def _row_wire(self, row: GridRow | Mapping[str, Any]) -> dict[str, Any]:
        return part_wire(row) if isinstance(row, Mapping) else {"DISPLAY": self.display.value, **row.to_wire()}


@frozen
class AttachedImage:
    """One image of an `ImageBlock`.

    Attributes:
        link: http, https, or a path on the portal.
        preview: a smaller version; without it clients load `link`.
        width: pixels; best given together with `height`.
    """

    link: str = field(validator=required(web_link))
    name: str | None = field(default=None, kw_only=True, validator=optional(any_text))
    preview: str | None = field(default=None, kw_only=True, validator=optional(web_link))
    width: int | None = field(default=None, kw_only=True, validator=optional(positive_number))
    height: int | None = field(default=None, kw_only=True, validator=optional(positive_number))

    def to_wire(self) -> dict[str, Any]:
        """Write the image as the portal wants it."""
        return written(self)


@frozen
class AttachedFile:
    """One file of a `FileBlock`; the portal neither copies it nor guards it.

    Attributes:
        link: http, https, or a path on the portal.
        name: with the extension, which chooses the icon.
        size: bytes.
    """

    link: str = field(validator=required(web_link))
    name: str | None = field(default=None, kw_only=True, validator=optional(any_text))
    size: int | None = field(default=None, kw_only=True, validator=optional(byte_count))

    def to_wire(self) -> dict[str, Any]:
        """Write the file as the portal wants it."""
        return written(self)


Images = AttachedImage | str | Iterable[AttachedImage | Mapping[str, Any]]
Files = AttachedFile | str | Iterable[AttachedFile | Mapping[str, Any]]


def _images(value: Images) -> tuple[AttachedImage | Mapping[str, Any], ...]:
    single = AttachedImage(value) if isinstance(value, str) else value
    return elements("images", (single,) if isinstance(single, AttachedImage) else single, (AttachedImage,))


def _files(value: Files) -> tuple[AttachedFile | Mapping[str, Any], ...]:
    single = AttachedFile(value) if isinstance(value, str) else value
    return elements("files", (single,) if isinstance(single, AttachedFile) else single, (AttachedFile,))


@frozen
class ImageBlock:
    """One image, given as its address or as `AttachedImage`, or a list of them."""

    images: tuple[AttachedImage | Mapping[str, Any], ...] = field(converter=_images)

    def to_wire(self) -> dict[str, Any]:
        """Write the block as the portal wants it."""
        return {"IMAGE": [part_wire(image) for image in self.images]}


@frozen
class FileBlock:
    """One file, given as its address or as `AttachedFile`, or a list of them."""

    files: tuple[AttachedFile | Mapping[str, Any], ...] = field(converter=_files)

    def to_wire(self) -> dict[str, Any]:
        """Write the block as the portal wants it."""
        return {"FILE": [part_wire(file) for file in self.files]}


@frozen
class DelimiterBlock:
    """A line between two blocks.

    Attributes:
        size: its width in pixels.
    """

    size: int = field(default=200, kw_only=True, validator=required(positive_number))
    color: str | None = field(default=None, kw_only=True, validator=optional(hex_color))

    def to_wire(self) -> dict[str, Any]:
        """Write the block as the portal wants it."""
        return {"DELIMITER": written(self)}


def _json(value: Mapping[str, Any]) -> dict[str, Any]:
    if not (isinstance(value, Mapping) and value):
        raise InvalidParameter(f"`json` is {type(value).__name__}, not a dict such as {{'MESSAGE': 'text'}}")
    return dict(value)


@frozen
class RawBlock:
    """A block as the portal's own JSON, for keys that have no class here; nothing of it is checked."""

    json: dict[str, Any] = field(converter=_json)

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON as it was given."""
        return dict(self.json)


Block = MessageBlock | LinkBlock | UserBlock | GridBlock | ImageBlock | FileBlock | DelimiterBlock | RawBlock
