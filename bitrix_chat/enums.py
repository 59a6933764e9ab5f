"""The portal's closed vocabularies, each in the spelling that its REST dialect wants.

A value the portal invents later never raises: answers keep an unknown word as plain text.
"""

from enum import StrEnum
from typing import Final


class Color(StrEnum):
    """The 16 chat colours; a value is the `imbot.v2` spelling.

    Answers carry the HEX form (`#4ba984`), requests the name: `Color.of` reads either.
    """

    RED = "red"
    GREEN = "green"
    MINT = "mint"
    LIGHT_BLUE = "lightBlue"
    DARK_BLUE = "darkBlue"
    PURPLE = "purple"
    AQUA = "aqua"
    PINK = "pink"
    LIME = "lime"
    BROWN = "brown"
    AZURE = "azure"
    KHAKI = "khaki"
    SAND = "sand"
    MARENGO = "marengo"
    GRAY = "gray"
    GRAPHITE = "graphite"

    @property
    def hex(self) -> str:
        """The colour as `#rrggbb`, as the portal answers it."""
        return _HEX[self]

    @property
    def legacy_name(self) -> str:
        """The spelling of the `im.*` methods, for example `LIGHT_BLUE`."""
        return self.name

    @classmethod
    def of(cls, text: str) -> "Color | None":
        """Find a colour by either spelling or by its HEX form; None if it is none of the 16."""
        return _BY_TEXT.get(text.lower().replace("_", ""))


_HEX: Final = {
    Color.RED: "#df532d",
    Color.GREEN: "#64a513",
    Color.MINT: "#4ba984",
    Color.LIGHT_BLUE: "#4ba5c3",
    Color.DARK_BLUE: "#3e99ce",
    Color.PURPLE: "#8474c8",
    Color.AQUA: "#1eb4aa",
    Color.PINK: "#f76187",
    Color.LIME: "#58cc47",
    Color.BROWN: "#ab7761",
    Color.AZURE: "#29619b",
    Color.KHAKI: "#728f7a",
    Color.SAND: "#ba9c7b",
    Color.MARENGO: "#556574",
    Color.GRAY: "#909090",
    Color.GRAPHITE: "#5e5f5e",
}
_BY_TEXT: Final = {color.value.lower(): color for color in Color} | {hexa: color for color, hexa in _HEX.items()}


class ChatType(StrEnum):
    """What kind of chat to create: closed (by invitation) or open to everyone on the portal."""

    CHAT = "chat"
    OPEN = "open"


class ChatRole(StrEnum):
    """What the asking user or bot is in a chat."""

    OWNER = "owner"
    MANAGER = "manager"
    MEMBER = "member"
    GUEST = "guest"
    NONE = "none"


class BotType(StrEnum):
    """What a bot hears and where it may sit (`imbot.v2.Bot.register`, `type`)."""

    BOT = "bot"
    OPENLINE = "openline"
    SUPERVISOR = "supervisor"
    PERSONAL = "personal"


class EventMode(StrEnum):
    """How a bot receives its events: it asks for them, or the portal posts them."""

    FETCH = "fetch"
    WEBHOOK = "webhook"


class Gender(StrEnum):
    """A user's or bot's grammatical gender in the portal's messages."""

    MALE = "M"
    FEMALE = "F"


class Background(StrEnum):
    """Backgrounds of a bot's private chat (`imbot.v2.Bot.register`, `backgroundId`)."""

    AZURE = "azure"
    MINT = "mint"
    STEEL = "steel"
    SLATE = "slate"
    TEAL = "teal"
    CORNFLOWER = "cornflower"
    SKY = "sky"
    PEACH = "peach"
    FROST = "frost"
