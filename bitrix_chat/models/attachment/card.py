"""An attachment as a whole: its blocks, its colour, and the one door through which it reaches the wire."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, get_args

from attrs import field, frozen

from bitrix_chat.models.attachment.blocks import Block
from bitrix_chat.models.fields import (
    ColorToken,
    color_token,
    elements,
    fits,
    hex_color,
    is_plain,
    optional,
    part_wire,
    plain,
    positive_number,
    written,
)

_BLOCKS: Final[tuple[type, ...]] = get_args(Block)


def _blocks(value: Iterable[Block | Mapping[str, Any]]) -> tuple[Block | Mapping[str, Any], ...]:
    return elements("blocks", value, _BLOCKS)


@frozen
class Attachment:
    """Structured content below a message's text; at most 60,000 characters as JSON.

    Attributes:
        blocks: builders or the portal's own JSON, in the order they are shown.
        id: the attachment's number within the message.
        color_token: a colour that follows the reader's theme; `base` for the portal where it is missing.
        color: HEX, for clients and notifications that do not know `color_token`.
    """

    blocks: tuple[Block | Mapping[str, Any], ...] = field(converter=_blocks)
    id: int | None = field(default=None, kw_only=True, validator=optional(positive_number))
    color_token: ColorToken | None = field(default=None, kw_only=True, converter=color_token)
    color: str | None = field(default=None, kw_only=True, validator=optional(hex_color))

    def __attrs_post_init__(self) -> None:
        fits("attach", self.to_wire())

    def to_wire(self) -> dict[str, Any]:
        """Write the attachment in the portal's full form, a map with `BLOCKS`."""
        head = written(self)
        head["BLOCKS"] = [part_wire(block) for block in self.blocks]
        return head


AttachmentLike = Attachment | Sequence[Block | Mapping[str, Any]] | Mapping[str, Any] | str


def attachment_wire(value: AttachmentLike | None) -> dict[str, Any] | list[Any] | str | None:
    """Turn an attachment in any of its forms into what a request carries.

    Builders are written out; the portal's own JSON (a map, a list of maps, JSON text, `"N"` to remove it) passes
    unchanged and unchecked.

    Raises:
        InvalidParameter: it is none of these, or the builders in the list make no attachment.
    """
    if isinstance(value, Attachment):
        return value.to_wire()
    if is_plain("attach", value):
        wire: dict[str, Any] | list[Any] | str | None = plain(value)
        return wire
    return Attachment(value).to_wire()  # type: ignore[arg-type]  # neither a map nor text any more
