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
        return _BY_TEXT.get(text) or _BY_TEXT.get(text.lower().replace("_", ""))


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


class Reaction(StrEnum):
    """Reactions to a message (`imbot.v2.Chat.Message.Reaction.*`); a portal may know more."""

    LIKE = "like"
    DISLIKE = "dislike"
    FACE_WITH_TEARS_OF_JOY = "faceWithTearsOfJoy"
    RED_HEART = "redHeart"
    NEUTRAL_FACE = "neutralFace"
    FIRE = "fire"
    CRY = "cry"
    SLIGHTLY_SMILING_FACE = "slightlySmilingFace"
    WINKING_FACE = "winkingFace"
    LAUGH = "laugh"
    KISS = "kiss"
    WONDER = "wonder"
    SLIGHTLY_FROWNING_FACE = "slightlyFrowningFace"
    LOUDLY_CRYING_FACE = "loudlyCryingFace"
    FACE_WITH_STUCK_OUT_TONGUE = "faceWithStuckOutTongue"
    FACE_WITH_STUCK_OUT_TONGUE_AND_WINKING_EYE = "faceWithStuckOutTongueAndWinkingEye"
    SMILING_FACE_WITH_SUNGLASSES = "smilingFaceWithSunglasses"
    CONFUSED_FACE = "confusedFace"
    FLUSHED_FACE = "flushedFace"
    THINKING_FACE = "thinkingFace"
    ANGRY = "angry"
    SMILING_FACE_WITH_HORNS = "smilingFaceWithHorns"
    FACE_WITH_THERMOMETER = "faceWithThermometer"
    FACEPALM = "facepalm"
    POO = "poo"
    FLEXED_BICEPS = "flexedBiceps"
    CLAPPING_HANDS = "clappingHands"
    RAISED_HAND = "raisedHand"
    SMILING_FACE_WITH_HEART_EYES = "smilingFaceWithHeartEyes"
    SMILING_FACE_WITH_HEARTS = "smilingFaceWithHearts"
    PLEADING_FACE = "pleadingFace"
    RELIEVED_FACE = "relievedFace"
    FOLDED_HANDS = "foldedHands"
    OK_HAND = "okHand"
    SIGN_HORNS = "signHorns"
    LOVE_YOU_GESTURE = "loveYouGesture"
    CLOWN_FACE = "clownFace"
    PARTYING_FACE = "partyingFace"
    QUESTION_MARK = "questionMark"
    EXCLAMATION_MARK = "exclamationMark"
    LIGHT_BULB = "lightBulb"
    BOMB = "bomb"
    SLEEPING_SYMBOL = "sleepingSymbol"
    CROSS_MARK = "crossMark"
    WHITE_HEAVY_CHECK_MARK = "whiteHeavyCheckMark"
    EYES = "eyes"
    HANDSHAKE = "handshake"
    HUNDRED_POINTS = "hundredPoints"


class StatusMessage(StrEnum):
    """What a bot says that it is doing (`imbot.v2.Chat.InputAction.notify`); each reader sees it in their language."""

    THINKING = "IMBOT_AGENT_ACTION_THINKING"
    SEARCHING = "IMBOT_AGENT_ACTION_SEARCHING"
    GENERATING = "IMBOT_AGENT_ACTION_GENERATING"
    ANALYZING = "IMBOT_AGENT_ACTION_ANALYZING"
    PROCESSING = "IMBOT_AGENT_ACTION_PROCESSING"
    TRANSLATING = "IMBOT_AGENT_ACTION_TRANSLATING"
    CONNECTING = "IMBOT_AGENT_ACTION_CONNECTING"
    CHECKING = "IMBOT_AGENT_ACTION_CHECKING"
    CALCULATING = "IMBOT_AGENT_ACTION_CALCULATING"
    READING_DOCS = "IMBOT_AGENT_ACTION_READING_DOCS"
    COMPOSING = "IMBOT_AGENT_ACTION_COMPOSING"


class MemberOrder(StrEnum):
    """What members of a chat are sorted by (`imbot.v2.Chat.User.list`, `order`)."""

    ID = "id"
    """The number of the membership, not of the user."""
    LAST_SEND_MESSAGE_ID = "lastSendMessageId"
    USER_ID = "userId"


class SortOrder(StrEnum):
    """Which way a list is sorted (`imbot.v2.Chat.User.list`, `im.dialog.messages.search`, `user.get`)."""

    ASC = "ASC"
    DESC = "DESC"


class UserStatus(StrEnum):
    """How a user shows to others (`im.user.status.set`, `im.user.status.get`)."""

    ONLINE = "online"
    DND = "dnd"
    AWAY = "away"
    BREAK = "break"


class NotificationType(StrEnum):
    """In whose name a notification comes (`im.notify`, `TYPE`): the caller's or the portal's."""

    USER = "USER"
    SYSTEM = "SYSTEM"


class ApplicationStatus(StrEnum):
    """How the calling application is licensed (`app.info`, `STATUS`)."""

    FREE = "F"
    DEMO = "D"
    TRIAL = "T"
    PAID = "P"
    LOCAL = "L"


class EventDelivery(StrEnum):
    """How a bound event reaches the application (`event.bind`, `event_type`): posted to it, or kept until asked for."""

    ONLINE = "online"
    OFFLINE = "offline"


class ImageSize(StrEnum):
    """To what size photos are scaled (`user.get`, `IMAGE_RESIZE`)."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


class LikeAction(StrEnum):
    """What becomes of a like (`im.message.like`, `ACTION`); `auto` turns it over."""

    AUTO = "auto"
    PLUS = "plus"
    MINUS = "minus"


class ShareTarget(StrEnum):
    """What a message is made into (`im.message.share`, `TYPE`)."""

    CHAT = "CHAT"
    TASK = "TASK"
    POST = "POST"
    CALENDAR = "CALEND"
