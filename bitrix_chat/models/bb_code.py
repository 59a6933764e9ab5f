"""BB code for messages, in which the text of a stranger stays text.

The portal has no escape character. Its server and its clients search a text with one pattern after the other, so
that a bracket is markup wherever it can be. `escape` therefore puts a word joiner (U+2060: no width, no line break,
no blank to any of those patterns) behind what would begin markup: the reader sees the text as it was typed, and
only somebody who copies it gets the extra character. Replacing the brackets would have been plain to see in every
text that has some. Broken up in this way are

- every `[`, which begins all tags, and `](`, which makes a link where a client reads Markdown;
- `&#91;` and the like, which the server turns into brackets and angles *after* it has looked at them;
- `#BR#` and `<br>`, which become line breaks, and `>>` and rows of dashes, which become quotes;
- `/me` and `/loud` at the start;
- `####REPLACEMENT_…####` and `$&`, which the web client's own machinery stumbles over;
- smilies such as `:)` and the server's notation of emoji, `:f09f9880:`.

Web addresses still become links, as in anybody's message, and single `*` and `_` are left alone.

Text and markup are told apart by type: what the functions return is `Markup`, which none of them escapes again, and
every other text is escaped. An f-string forgets the type: write `bold(name) + ", welcome"` or
`Markup("{}, welcome").format(bold(name))` instead. A message that is a plain `str` is sent as it is.
"""

import re
import string
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote as percent_encoded

from bitrix_chat.errors import InvalidParameter
from bitrix_chat.models.fields import any_text, choice, filled_text, hex_color, positive_number, shown

JOINER: Final = "\u2060"
"""The invisible character that `escape` inserts."""

_QUOTE_RULE: Final = "-" * 54
_STARTS_OF_MARKUP: Final = re.compile(
    r"""\[(?!\u2060) | \](?=\(|\Z) | <(?=/?\w|\Z) | -{5}(?=-)
    | \#(?=\#|br\#|b?r?\Z)
    | &(?=\#?\w*(?:;|\Z))
    | \$(?=[$&`'"<>]|\Z)
    | (?<![^\s"<>\[\]]) (?: [:;](?=[^\s\u2060]|\Z) | [8B](?=-?\)) ) | :(?=[0-9a-f]{8}:)""",
    re.VERBOSE | re.IGNORECASE,
)
"""What begins markup. The end of the text counts as what is missing, since more text may follow it."""
_STARTS_OF_LINES: Final = re.compile(
    r"""\A[\s\x00\ufeff]*/(?=\w|\Z) | (?:\A[\s\x00\ufeff]*|(?<=[\r\n]))>(?=[>\r\n]|\Z)""", re.VERBOSE
)
"""What is markup at the start of a message or of a line; the portal cuts blanks off before it looks."""
_STARTS_IN_CODE: Final = re.compile(
    r"""\[(?=/?(?:put|send|code|user)\b|br\]) | &(?=\#?\w+;) | \#(?=\#{3}REPLACEMENT_) | \$(?=[$&`'"<>])""",
    re.VERBOSE | re.IGNORECASE,
)
_TAG: Final = re.compile(r"\[/?[a-z]", re.IGNORECASE)
_ROUND: Final = str.maketrans("[]", "()")
_ADDRESS: Final = re.compile(r"(?:/|(?:https?|ftp)://|(?:mailto|tel|callto|skype|viber):)\S")
_UNSAFE_IN_ADDRESS: Final = re.compile(r"[\[\]<>\"'`{}|\\^\s\x00-\x1f\x7f]")
_ENTITY: Final = re.compile(r"(&#?\w+);")
_UNSAFE_IN_COMMAND: Final = re.compile(r"[\[\]\r\n]|&#?\w+;|####|\$[$&`'\"<>]")
_PHONE_NUMBER: Final = re.compile(r"(?=.*\d)[-+\d()./# ]{1,40}", re.ASCII)
_CONTEXT: Final = re.compile(r"chat[1-9]\d*|[1-9]\d*:[1-9]\d*", re.ASCII)
_DATE_FORMAT: Final = re.compile(r"[A-Za-z_]+")


class ImageSize(StrEnum):
    """How large an `image` is shown."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


class Markup(str):
    """BB code that is ready to be sent; calling it with a text vouches for that text.

    `+`, `join` and `format` escape every plain text they take in. All other methods return a plain `str`, which is
    escaped when it is put into markup again.
    """

    __slots__ = ()

    def __add__(self, other: str, /) -> "Markup":
        return Markup(str.__add__(self, escape(other))) if isinstance(other, str) else NotImplemented

    def __radd__(self, other: str, /) -> "Markup":
        return Markup(str.__add__(escape(other), self)) if isinstance(other, str) else NotImplemented

    def __mod__(self, _: Any, /) -> str:
        raise TypeError("% would not escape; use Markup.format")

    def __repr__(self) -> str:
        return f"Markup({str.__repr__(self)})"

    def join(self, parts: Iterable[str], /) -> "Markup":
        """Put this between the parts."""
        return Markup(str.join(self, map(escape, parts)))

    def format(self, *args: Any, **kwargs: Any) -> "Markup":
        """Fill in the values, escaped where they are not markup."""
        return Markup(_EscapingFormatter().vformat(self, args, kwargs))

    def format_map(self, values: Any, /) -> "Markup":
        """Fill in the values, escaped where they are not markup."""
        return Markup(_EscapingFormatter().vformat(self, (), values))


class _EscapingFormatter(string.Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        return escape(value if isinstance(value, Markup) and not format_spec else format(value, format_spec))


LINE_BREAK: Final = Markup("[br]")
"""The same as a newline, for where a newline gets lost."""


def escape(text: str) -> Markup:
    """Return a text in which the portal finds no markup; `Markup` as it is."""
    if isinstance(text, Markup):
        return text
    any_text("text", text)
    return _broken(_STARTS_OF_LINES, _broken(_STARTS_OF_MARKUP, text))


def lines(*parts: str) -> Markup:
    """Put each part on a line of its own."""
    return Markup("\n").join(parts)


def bold(text: str) -> Markup:
    """Write in bold."""
    return _tag("b", escape(text))


def italic(text: str) -> Markup:
    """Write in italics."""
    return _tag("i", escape(text))


def underline(text: str) -> Markup:
    """Underline."""
    return _tag("u", escape(text))


def strike(text: str) -> Markup:
    """Strike through; left out where the portal shows a message in short."""
    return _tag("s", escape(text))


def size(text: str, pixels: int) -> Markup:
    """Write in a size of 8 to 30 pixels."""
    if not (type(pixels) is int and 8 <= pixels <= 30):
        raise InvalidParameter(f"`pixels` is {shown(pixels)}, but the portal knows sizes from 8 to 30")
    return _tag("size", escape(text), str(pixels))


def color(text: str, color: str) -> Markup:
    """Write in a colour: `#rgb` or `#rrggbb`."""
    hex_color("color", color)
    return _tag("color", escape(text), color)


def link(address: str, text: str | None = None) -> Markup:
    """Link to a web page, a path on the portal (`/...`), or a `mailto:`, `tel:`, `callto:`, `skype:` address.

    What would end the tag is percent-encoded in the address.
    """
    target = _address("address", address)
    return _tag("url", Markup(target)) if text is None else _tag("url", escape(text), target)


def mention(user_id: int, name: str = "") -> Markup:
    """Mention a user, who is notified; without a name the portal fills in the user's own."""
    positive_number("user_id", user_id)
    return _tag("user", _label("name", name), str(user_id))


def mention_all(name: str) -> Markup:
    """Mention everybody in the chat."""
    filled_text("name", name)
    return _tag("user", _label("name", name), "all")


def chat_link(chat_id: int, name: str = "") -> Markup:
    """Link to a chat; without a name the portal fills in the chat's own."""
    positive_number("chat_id", chat_id)
    return _tag("chat", _label("name", name), str(chat_id))


def open_channel_link(session_id: int, name: str) -> Markup:
    """Link to a conversation of an open channel."""
    positive_number("session_id", session_id)
    filled_text("name", name)
    return _tag("chat", _label("name", name), f"imol|{session_id}")


def message_link(dialog: str, message_id: int, text: str) -> Markup:
    """Link to a message of a chat (`chat5`) or of the private chat of two users (`1:5`)."""
    filled_text("text", text)
    return _tag("context", _label("text", text), _context(dialog, message_id))


def quote(text: str) -> Markup:
    """Quote, line by line; has to begin a line itself."""
    content = re.sub(r"\[br\]|\r\n?", "\n", escape(text), flags=re.IGNORECASE)
    return Markup("\n".join(f">>{line}" for line in content.split("\n")))


def quote_message(
    text: str, *, author: str, time: str, dialog: str | None = None, message_id: int | None = None
) -> Markup:
    """Quote a message, with its author and time above it; a click leads there if its place is given.

    Args:
        text: what was said.
        author: shown as it is.
        time: shown as it is, such as `12:30`.
        dialog: `chat5`, or `1:5` for the private chat of two users; together with `message_id`.
        message_id: the quoted message.
    """
    filled_text("author", author)
    filled_text("time", time)
    if (dialog is None) != (message_id is None):
        raise InvalidParameter("`dialog` and `message_id` are given together or not at all")
    place = "" if dialog is None or message_id is None else f" #{_context(dialog, message_id)}"
    head = f"{_label('author', author)} [{_label('time', time)}]{place}"
    return Markup(f"{_QUOTE_RULE}\n{head}\n{escape(text)}\n{_QUOTE_RULE}\n")


def code(text: str) -> Markup:
    """Show a block of code; markup in it is shown as it is written."""
    any_text("text", text)
    return _tag("code", _broken(_STARTS_IN_CODE, str(text)))


def send(command: str, label: str | None = None) -> Markup:
    """Make a text that sends a command or any other text when it is clicked.

    Raises:
        InvalidParameter: the command has brackets, line breaks or entities such as `&#91;`, which a tag cannot hold;
            a button with `ButtonAction.SEND` can. Or the label has markup, which is not shown here.
    """
    return _tag("send", _label("label", command if label is None else label), _command(command))


def put(command: str, label: str | None = None) -> Markup:
    """Make a text that puts a command or any other text into the input field when it is clicked.

    Raises:
        InvalidParameter: as for `send`.
    """
    return _tag("put", _label("label", command if label is None else label), _command(command))


def call(number: str, label: str | None = None) -> Markup:
    """Make a text that calls a phone number when it is clicked."""
    if not (isinstance(number, str) and _PHONE_NUMBER.fullmatch(number)):
        raise InvalidParameter("`number` is no phone number: it may have digits, blanks and + - ( ) . / #")
    return _tag("call", Markup(number)) if label is None else _tag("call", _label("label", label), number)


def image(address: str, size: ImageSize | str = ImageSize.MEDIUM) -> Markup:
    """Show an image in one of three sizes."""
    width = choice("size", ImageSize, size) or ImageSize.MEDIUM
    return Markup(f"[img size={width.value}]{_address('address', address)} [/img]")  # the blank is asked for


def icon(
    address: str,
    *,
    size: int | None = None,
    width: int | None = None,
    height: int | None = None,
    title: str | None = None,
) -> Markup:
    """Show an image within the text, 20 pixels wide and high unless told otherwise, 100 at most.

    Args:
        address: of the image.
        size: width and height at once.
        width: pixels.
        height: pixels.
        title: shown for a moment when the pointer rests on it.
    """
    parts = [f"icon={_address('address', address)}"]
    for name, pixels in (("size", size), ("width", width), ("height", height)):
        if pixels is not None:
            _icon_side(name, pixels)
            parts.append(f"{name}={pixels}")
    if title is not None:
        parts.append(f"title={_icon_title(title)}")
    return Markup(f"[{' '.join(parts)}]")


def timestamp(moment: datetime | int, date_format: str = "SHORT_TIME_FORMAT") -> Markup:
    """Show a moment in the reader's time zone.

    Args:
        moment: with a time zone, or Unix seconds.
        date_format: the name of one of the portal's formats; a client shows the tag itself where it knows no such.
    """
    if isinstance(moment, datetime):
        if moment.tzinfo is None:
            raise InvalidParameter("`moment` has no time zone")
        moment = int(moment.timestamp())
    positive_number("moment", moment)
    if not (isinstance(date_format, str) and _DATE_FORMAT.fullmatch(date_format)):
        raise InvalidParameter("`date_format` is not the name of a format, such as SHORT_TIME_FORMAT")
    return Markup(f"[timestamp={moment} format={date_format}]")


def disk_file(file_id: int) -> Markup:
    """Refer to a file on the portal's drive."""
    positive_number("file_id", file_id)
    return Markup(f"[disk={file_id}]")


def _broken(starts: re.Pattern[str], text: str) -> Markup:
    return Markup(starts.sub(lambda match: match[0] + JOINER, text))


def _tag(name: str, content: Markup, argument: str = "") -> Markup:
    opening = f"{name}={argument}" if argument else name
    return Markup(f"[{opening}]{content}[/{name}]")


def _label(name: str, text: str) -> Markup:
    # The portal takes these labels as one line of plain text, and of several closing brackets it believes the last.
    any_text(name, text)
    if isinstance(text, Markup) and _TAG.search(text):
        raise InvalidParameter(f"`{name}` has markup, but here the portal shows plain text")
    return _broken(_STARTS_OF_MARKUP, " ".join(text.translate(_ROUND).split()))


def _command(text: str) -> str:
    filled_text("command", text)
    if found := _UNSAFE_IN_COMMAND.search(text):
        raise InvalidParameter(f"`command` has {found[0]!r}, which the tag cannot hold")
    return str(text)


def _address(name: str, text: str) -> str:
    any_text(name, text)
    if not _ADDRESS.match(text):
        raise InvalidParameter(f"`{name}` starts with none of https://, http://, ftp://, mailto:, tel: and /")
    safe = _UNSAFE_IN_ADDRESS.sub(lambda match: percent_encoded(match[0], safe=""), text)
    page, mark, fragment = safe.partition("#")  # a second # would make #BR# possible
    return _ENTITY.sub(r"\1%3B", page + mark + fragment.replace("#", "%23"))


def _context(dialog: str, message_id: int) -> str:
    positive_number("message_id", message_id)
    if not (isinstance(dialog, str) and _CONTEXT.fullmatch(dialog)):
        raise InvalidParameter(f"`dialog` is {shown(dialog)}, not 'chat5', or '1:5' for the private chat of two users")
    return f"{dialog}/{message_id}"


def _icon_side(name: str, pixels: int) -> None:
    positive_number(name, pixels)
    if pixels > 100:
        raise InvalidParameter(f"`{name}` is {pixels}, but an icon has 100 pixels at most")


def _icon_title(title: str) -> str:
    filled_text("title", title)
    if found := re.search(r"(?:size|width|height)=", title):
        raise InvalidParameter(f"`title` has {found[0]!r}, where the portal cuts it off")
    return _label("title", title)
