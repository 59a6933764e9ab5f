"""Attachments, keyboards and menus: what the portal takes for one, and what it refuses.

Blocks, buttons and items that make no sense are dropped in silence; a part of which nothing is left is refused.
"""

import json
from collections.abc import Callable
from typing import Final, final

from bitrix_chat.portal.php import PhpValue, elements, strval

_MAX_LENGTH: Final = 60_000
_BLOCKS: Final = frozenset({"USER", "LINK", "MESSAGE", "HTML", "IMAGE", "FILE", "GRID", "DELIMITER"})


@final
class PartError(Exception):
    """A part that cannot be used; `oversize` if it is merely too long."""

    def __init__(self, name: str, *, oversize: bool = False) -> None:
        super().__init__(name)
        self.name = name
        self.oversize = oversize


def read_part(name: str, value: PhpValue) -> PhpValue:
    """Return a part as it is stored under `name`: ATTACH, KEYBOARD or MENU.

    Raises:
        PartError: Nothing in it can be used, or it is too long.
    """
    part = _READERS[name](value) if isinstance(value, list | dict) else []
    if not part:
        raise PartError(name)
    if len(json.dumps(part, ensure_ascii=False)) > _MAX_LENGTH:
        raise PartError(name, oversize=True)
    return part


def _attach(value: list[PhpValue] | dict[str, PhpValue]) -> list[PhpValue]:
    """Read one attachment: its blocks, or an object that has them and a colour."""
    blocks = value.get("BLOCKS") if isinstance(value, dict) and "BLOCKS" in value else value
    kept = _kept(blocks, lambda block: bool(_BLOCKS & block.keys()))
    around = value if isinstance(value, dict) and "BLOCKS" in value else {}
    return [dict(around) | {"BLOCKS": kept}] if kept else []


def _keyboard(value: list[PhpValue] | dict[str, PhpValue]) -> list[PhpValue]:
    buttons = value.get("BUTTONS") if isinstance(value, dict) and "BUTTONS" in value else value
    kept = _kept(buttons, lambda button: bool(strval(button.get("TEXT"))) or button.get("TYPE") == "NEWLINE")
    bot_id = value.get("BOT_ID") if isinstance(value, dict) and "BUTTONS" in value else None
    return [_called_by(button, bot_id) for button in kept] if bot_id else kept


def _called_by(button: PhpValue, bot_id: PhpValue) -> PhpValue:
    """Let a button with a command say whose it is."""
    return {"BOT_ID": bot_id} | button if isinstance(button, dict) and "COMMAND" in button else button


def _menu(value: list[PhpValue] | dict[str, PhpValue]) -> list[PhpValue]:
    items = value.get("ITEMS") if isinstance(value, dict) and "ITEMS" in value else value
    return _kept(items, lambda item: bool(strval(item.get("TEXT"))))


def _kept(value: PhpValue, is_usable: Callable[[dict[str, PhpValue]], bool]) -> list[PhpValue]:
    listed = elements(value) if isinstance(value, list | dict) else []
    return [each for each in listed if isinstance(each, dict) and is_usable(each)]


_READERS: Final[dict[str, Callable[[list[PhpValue] | dict[str, PhpValue]], list[PhpValue]]]] = {
    "ATTACH": _attach,
    "KEYBOARD": _keyboard,
    "MENU": _menu,
}
