"""What a message shows, alike in everything by which a bot speaks."""

from collections.abc import Mapping
from typing import Any

from bitrix_chat.models.attachment import AttachmentLike, attachment_wire
from bitrix_chat.models.keyboard import KeyboardLike, keyboard_wire
from bitrix_chat.resources import arguments
from bitrix_chat.rest.literal import Verbatim


def content_fields(
    bot: Mapping[str, Any],
    message: str | None,
    attach: AttachmentLike | None,
    keyboard: KeyboardLike | None,
    url_preview: bool | None,  # noqa: FBT001  # it is the value, not a switch
) -> dict[str, Any]:
    """Return the text and what is below it as `imbot.v2` wants them in `fields`.

    Raises:
        InvalidParameter: a value that the portal would refuse, cut or drop.
    """
    # A bot that a batch has yet to register cannot be named inside a keyboard.
    bot_id = bot["botId"] if isinstance(bot["botId"], int) else None
    return {
        "message": arguments.text("message", message, arguments.MAX_MESSAGE),
        "attach": Verbatim.of(attachment_wire(attach)),
        "keyboard": Verbatim.of(keyboard_wire(keyboard, bot_id=bot_id)),
        "urlPreview": arguments.flag("url_preview", url_preview),
    }


def is_empty(fields: Mapping[str, Any]) -> bool:
    """Tell whether there is neither a text nor an attachment, which a message needs."""
    return not (fields["message"] or "").strip() and not fields["attach"]
