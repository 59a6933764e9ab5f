"""Items in a message's context menu, refused here where the portal would leave them out without a word."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs
from attrs import field, frozen

from bitrix_chat.errors import InvalidParameter
from bitrix_chat.models.fields import elements, fits, is_plain, optional, part_wire, plain, positive_number
from bitrix_chat.models.keyboard import Clickable


@frozen
class MenuItem(Clickable):
    """An item with a text and exactly one of `link`, `command`, `action` and `app_id`."""


def _items(value: Iterable[MenuItem | Mapping[str, Any]]) -> tuple[MenuItem | Mapping[str, Any], ...]:
    return elements("items", value, (MenuItem,))


@frozen
class Menu:
    """Items that a message adds to its context menu; only `im.*` methods know it, `imbot.v2` does not.

    Attributes:
        items: builders or the portal's own JSON, in the order they are shown.
        bot_id: whose commands the items send.
    """

    items: tuple[MenuItem | Mapping[str, Any], ...] = field(converter=_items)
    bot_id: int | None = field(default=None, kw_only=True, validator=optional(positive_number))

    def __attrs_post_init__(self) -> None:
        fits("menu", self.to_wire())

    @property
    def has_commands(self) -> bool:
        """Whether an item sends a command, which the portal drops from a menu that names no bot."""
        return any(isinstance(item, MenuItem) and item.command is not None for item in self.items)

    def to_wire(self) -> dict[str, Any]:
        """Write the menu in the portal's full form, a map with `ITEMS`."""
        head = {} if self.bot_id is None else {"BOT_ID": self.bot_id}
        return {**head, "ITEMS": [part_wire(item) for item in self.items]}


MenuLike = Menu | Sequence[MenuItem | Mapping[str, Any]] | Mapping[str, Any] | str


def menu_wire(value: MenuLike | None, *, bot_id: int | None = None) -> dict[str, Any] | list[Any] | str | None:
    """Turn a menu in any of its forms into what a request carries.

    Builders are written out; the portal's own JSON (a map, a list of maps, JSON text, `"N"` to remove it) passes
    unchanged and unchecked.

    Args:
        value: the menu.
        bot_id: the bot on whose behalf the message is sent, for a built menu that names none.

    Raises:
        InvalidParameter: it is none of these, the builders in the list make no menu, or a built item has a
            command and no bot is known to get it.
    """
    if not isinstance(value, Menu):
        if is_plain("menu", value):
            wire: dict[str, Any] | list[Any] | str | None = plain(value)
            return wire
        value = Menu(value)  # type: ignore[arg-type]  # neither a map nor text any more
    if value.bot_id is None:
        value = attrs.evolve(value, bot_id=bot_id)
    if value.has_commands and value.bot_id is None:
        raise InvalidParameter("`menu` has an item with a command, which the portal drops without its `bot_id`")
    return value.to_wire()
