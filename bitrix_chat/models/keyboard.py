"""Buttons below a message, refused here where the portal would leave them out without a word."""

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

import attrs
from attrs import field, frozen

from bitrix_chat.errors import InvalidParameter
from bitrix_chat.models.fields import (
    KEY,
    ColorToken,
    any_text,
    at_most_one,
    boolean,
    choice,
    elements,
    filled_text,
    fits,
    hex_color,
    is_plain,
    optional,
    part_wire,
    plain,
    positive_number,
    required,
    web_link,
    written,
)


class ButtonAction(StrEnum):
    """What a button or menu item does by itself, without telling the bot."""

    PUT = "PUT"
    """Puts a text into the input field."""
    SEND = "SEND"
    """Sends a text as the user who pressed."""
    COPY = "COPY"
    """Copies a text."""
    CALL = "CALL"
    """Calls a phone number in international format."""
    DIALOG = "DIALOG"
    """Opens a chat (`chat5`) or the private chat with a user (`5`)."""


class ButtonContext(StrEnum):
    """Where a button or menu item is shown."""

    MOBILE = "MOBILE"
    DESKTOP = "DESKTOP"
    ALL = "ALL"


class ButtonDisplay(StrEnum):
    """How a button is laid out: beside others, or in a line of its own."""

    LINE = "LINE"
    BLOCK = "BLOCK"


_VALUES: Final = {
    ButtonAction.CALL: (re.compile(r"(?=.*\d)\+?[-\d()./# ]{1,40}", re.ASCII), "a phone number"),
    ButtonAction.DIALOG: (re.compile(r"(?:chat)?[1-9]\d*", re.ASCII), "'chat5', or '5' for a user"),
}
_COMPANIONS: Final = (("command_params", "command"), ("app_params", "app_id"), ("action_value", "action"))


def _action(value: ButtonAction | str | None) -> ButtonAction | None:
    return choice("action", ButtonAction, value)


def _context(value: ButtonContext | str | None) -> ButtonContext | None:
    return choice("context", ButtonContext, value)


def _display(value: ButtonDisplay | str | None) -> ButtonDisplay | None:
    return choice("display", ButtonDisplay, value)


def _background_color_token(value: ColorToken | str | None) -> ColorToken | None:
    return choice("background_color_token", ColorToken, value)


@frozen
class Clickable:
    """What a button and a menu item share: a text and exactly one thing that a click does.

    Attributes:
        link: an address to open: http, https, or a path on the portal.
        command: a registered command of the bot, which gets it with `command_params`.
        action: done by the client alone, with `action_value`.
        app_id: an application to open, with `app_params`; only open channels still do.
    """

    text: str = field(validator=required(filled_text))
    link: str | None = field(default=None, kw_only=True, validator=optional(web_link))
    command: str | None = field(default=None, kw_only=True, validator=optional(filled_text))
    command_params: str | None = field(default=None, kw_only=True, validator=optional(any_text))
    action: ButtonAction | None = field(default=None, kw_only=True, converter=_action)
    action_value: str | None = field(default=None, kw_only=True, validator=optional(filled_text))
    app_id: int | None = field(default=None, kw_only=True, validator=optional(positive_number))
    app_params: str | None = field(default=None, kw_only=True, validator=optional(any_text))
    context: ButtonContext | None = field(default=None, kw_only=True, converter=_context)
    disabled: bool | None = field(default=None, kw_only=True, validator=optional(boolean))

    def __attrs_post_init__(self) -> None:
        if not at_most_one(self, ("link", "command", "action", "app_id")):
            raise InvalidParameter("one of `link`, `command`, `action` and `app_id` has to be given")
        for companion, master in _COMPANIONS:
            if getattr(self, companion) is not None and getattr(self, master) is None:
                raise InvalidParameter(f"`{companion}` is given without `{master}`")
        self._check_action()

    def _check_action(self) -> None:
        if self.action is None:
            return
        if self.action_value is None:
            raise InvalidParameter("`action` is given without `action_value`")
        pattern, meaning = _VALUES.get(self.action, (None, ""))
        if pattern and not pattern.fullmatch(self.action_value):
            raise InvalidParameter(f"`action_value` of {self.action} has to be {meaning}")

    def to_wire(self) -> dict[str, Any]:
        """Write it as the portal wants it."""
        return written(self)


@frozen
class Button(Clickable):
    """A button with a text and exactly one of `link`, `command`, `action` and `app_id`.

    Attributes:
        block: grey out the keyboard until the bot answers; the portal knows it for a `command` only.
        display: the portal's default is `BLOCK`.
        width: pixels; 225 in a line fit on a phone.
        background_color: HEX, for clients that do not know `background_color_token`.
        disabled_background_color: HEX, while the button cannot be pressed.
    """

    block: bool | None = field(default=None, kw_only=True, validator=optional(boolean))
    display: ButtonDisplay | None = field(default=None, kw_only=True, converter=_display)
    width: int | None = field(default=None, kw_only=True, validator=optional(positive_number))
    background_color: str | None = field(
        default=None, kw_only=True, validator=optional(hex_color), metadata={KEY: "BG_COLOR"}
    )
    background_color_token: ColorToken | None = field(
        default=None, kw_only=True, converter=_background_color_token, metadata={KEY: "BG_COLOR_TOKEN"}
    )
    text_color: str | None = field(default=None, kw_only=True, validator=optional(hex_color))
    disabled_background_color: str | None = field(
        default=None, kw_only=True, validator=optional(hex_color), metadata={KEY: "OFF_BG_COLOR"}
    )
    disabled_text_color: str | None = field(
        default=None, kw_only=True, validator=optional(hex_color), metadata={KEY: "OFF_TEXT_COLOR"}
    )

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.block and self.command is None:
            raise InvalidParameter("`block` is given without `command`, where the portal ignores it")


@frozen
class NewLine:
    """The buttons after it start a new line."""

    def to_wire(self) -> dict[str, Any]:
        """Write it as the portal wants it."""
        return {"TYPE": "NEWLINE"}


def _buttons(
    value: Iterable[Button | NewLine | Mapping[str, Any]],
) -> tuple[Button | NewLine | Mapping[str, Any], ...]:
    return elements("buttons", value, (Button, NewLine))


@frozen
class Keyboard:
    """Buttons below a message: `Keyboard([Button("Open", link="/crm/"), NewLine(), Button("Help", command="help")])`.

    Attributes:
        buttons: builders or the portal's own JSON, in the order they are shown.
        bot_id: whose commands the buttons send; a bot's own methods fill it in.
    """

    buttons: tuple[Button | NewLine | Mapping[str, Any], ...] = field(converter=_buttons)
    bot_id: int | None = field(default=None, kw_only=True, validator=optional(positive_number))

    def __attrs_post_init__(self) -> None:
        if all(isinstance(button, NewLine) for button in self.buttons):
            raise InvalidParameter("`buttons` has no button")
        fits("keyboard", self.to_wire())

    @property
    def has_commands(self) -> bool:
        """Whether a button sends a command, which the portal drops from a keyboard that names no bot."""
        return any(isinstance(button, Button) and button.command is not None for button in self.buttons)

    def to_wire(self) -> dict[str, Any]:
        """Write the keyboard in the portal's full form, a map with `BUTTONS`."""
        head = {} if self.bot_id is None else {"BOT_ID": self.bot_id}
        return {**head, "BUTTONS": [part_wire(button) for button in self.buttons]}


KeyboardLike = Keyboard | Sequence[Button | NewLine | Mapping[str, Any]] | Mapping[str, Any] | str


def keyboard_wire(value: KeyboardLike | None, *, bot_id: int | None = None) -> dict[str, Any] | list[Any] | str | None:
    """Turn a keyboard in any of its forms into what a request carries.

    Builders are written out; the portal's own JSON (a map, a list of maps, JSON text, `"N"` to remove it) passes
    unchanged and unchecked.

    Args:
        value: the keyboard.
        bot_id: the bot on whose behalf the message is sent, for a built keyboard that names none.

    Raises:
        InvalidParameter: it is none of these, the builders in the list make no keyboard, or a built button has a
            command and no bot is known to get it.
    """
    if not isinstance(value, Keyboard):
        if is_plain("keyboard", value):
            wire: dict[str, Any] | list[Any] | str | None = plain(value)
            return wire
        value = Keyboard(value)  # type: ignore[arg-type]  # neither a map nor text any more
    if value.bot_id is None:
        value = attrs.evolve(value, bot_id=bot_id)
    if value.has_commands and value.bot_id is None:
        raise InvalidParameter("`keyboard` has a button with a command, which the portal drops without its `bot_id`")
    return value.to_wire()
