"""What the portal holds, in memory only: people, bots, chats and the messages in them."""

import random
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, final

import attrs

from bitrix_chat.enums import Color
from bitrix_chat.portal.policy import PortalPolicy

ADMIN_ID: Final = 1
GENERAL_CHAT_ID: Final = 1

# The server knows one colour more than the documentation lists; its HEX form is not documented.
COPILOT: Final = "copilot"
_COPILOT_HEX: Final = "#9672ff"

_FIRST_NAMES: Final = ("Anna", "Boris", "Clara", "David", "Elena", "Felix", "Galina", "Hugo", "Irina", "Jonas")
_LAST_NAMES: Final = ("Adler", "Brandt", "Conti", "Dvorak", "Eriksen", "Fischer", "Garnier")


class Message(NamedTuple):
    """One message; author 0 is the portal itself."""

    author: int
    text: str
    system: bool


@final
@attrs.define
class User:
    """A person or the account of a bot."""

    id: int
    first_name: str
    last_name: str = ""
    work_position: str = ""
    gender: str = "M"
    color: str = Color.AZURE
    active: bool = True
    admin: bool = False
    extranet: bool = False
    bot: bool = False

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}".strip()

    @property
    def kind(self) -> str:
        """The `type` of the user in answers."""
        return "bot" if self.bot else "extranet" if self.extranet else "employee"


@final
@attrs.define
class Bot:
    """A registered bot; `application` is the client id, or `custom` and the bot's token."""

    id: int
    code: str
    application: str = attrs.field(repr=False)
    type: str = "bot"
    event_mode: str = "fetch"
    webhook_url: str = attrs.field(default="", repr=False)
    hidden: bool = False
    reactions_enabled: bool = True
    support_openline: bool = False
    background_id: str | None = None
    counts: dict[str, int] = attrs.field(factory=lambda: {"Message": 0, "Command": 0, "Chat": 0, "User": 0})


@final
@attrs.define
class Chat:
    """A chat. `type` is chat, open or private; `color` is the name as `imbot.v2` spells it."""

    id: int
    title: str
    owner: int
    description: str = ""
    color: str = Color.MARENGO
    type: str = "chat"
    entity_type: str = ""
    entity_id: str = ""
    avatar: bool = False
    members: set[int] = attrs.field(factory=set)
    managers: list[int] = attrs.field(factory=list)
    messages: list[Message] = attrs.field(factory=list, repr=False)
    created_at: float = 0.0
    last_message_id: int = 0
    copilot_role: str = ""

    @property
    def dialog_id(self) -> str:
        """The id by which messages address the chat."""
        return f"chat{self.id}"

    @property
    def hex(self) -> str:
        """The colour as answers carry it."""
        return _COPILOT_HEX if self.color == COPILOT else Color(self.color).hex


@final
class PortalState:
    """Everything the methods read and change.

    User 1 is the administrator, 2..users+1 are employees; after them come two dismissed ones and one
    extranet user. Chat 1 is the general chat every portal has; `chats` leaves it out, `chat` finds it.
    """

    def __init__(
        self, *, users: int, policy: PortalPolicy, clock: Callable[[], float], chat_colors: bool, seed: int
    ) -> None:
        self.policy = policy
        self.clock = clock
        self.chat_colors = chat_colors
        self.random = random.Random(seed)  # noqa: S311 (colours, not secrets)
        self.users: dict[int, User] = {}
        self.bots: dict[int, Bot] = {}
        self.chats: dict[int, Chat] = {}
        self.files: dict[int, str] = {}
        self.message_of_template: dict[str, int] = {}
        self.colors_given: dict[str, int] = {}
        self._by_entity: dict[tuple[str, str], list[int]] = {}
        self._private: dict[frozenset[int], Chat] = {}
        self._last_chat_id = GENERAL_CHAT_ID
        self._last_message_id = 0
        self._people(users)
        self.general_chat = Chat(
            id=GENERAL_CHAT_ID, title="General chat", owner=ADMIN_ID, type="open", entity_type="GENERAL"
        )
        self.general_chat.members.update(user.id for user in self.users.values() if self.is_employee(user.id))

    def _people(self, users: int) -> None:
        for number in range(users + 4):
            first = _FIRST_NAMES[number % len(_FIRST_NAMES)]
            last = _LAST_NAMES[number // len(_FIRST_NAMES) % len(_LAST_NAMES)]
            self.add_user(first, last)
        self.users[ADMIN_ID].admin = True
        self.inactive_user_ids = (users + 2, users + 3)
        self.extranet_user_id = users + 4
        for user_id in self.inactive_user_ids:
            self.users[user_id].active = False
        self.users[self.extranet_user_id].extranet = True

    def add_user(self, first_name: str, last_name: str = "") -> User:
        """Hire somebody."""
        user = User(id=len(self.users) + 1, first_name=first_name, last_name=last_name)
        self.users[user.id] = user
        return user

    def is_active(self, user_id: int) -> bool:
        """Tell whether the user exists and was not dismissed."""
        user = self.users.get(user_id)
        return user is not None and user.active

    def is_employee(self, user_id: int) -> bool:
        """Tell whether the user is active, a person and no guest."""
        return self.is_active(user_id) and not (self.users[user_id].extranet or self.users[user_id].bot)

    def chat(self, chat_id: int) -> Chat | None:
        """Find a chat, the general one included."""
        return self.general_chat if chat_id == GENERAL_CHAT_ID else self.chats.get(chat_id)

    def new_chat(self, *, title: str, owner: int, kind: str, members: Iterable[int]) -> Chat:
        """Insert a chat; ids only grow."""
        self._last_chat_id += 1
        chat = Chat(id=self._last_chat_id, title=title, owner=owner, type=kind, created_at=self.clock())
        chat.members.update(members)
        self.chats[chat.id] = chat
        return chat

    def link(self, chat: Chat, entity_type: str, entity_id: str) -> None:
        """Store the chat's entity, under which `im.chat.get` finds it; nothing makes it unique."""
        chat.entity_type, chat.entity_id = entity_type, entity_id
        if entity_type and entity_id:
            self._by_entity.setdefault((entity_type, entity_id), []).append(chat.id)

    def chat_ids_of(self, entity_type: str, entity_id: str) -> list[int]:
        """List the chats of an entity, oldest first."""
        return self._by_entity.get((entity_type, entity_id), [])

    def private_chat(self, one: int, other: int) -> Chat:
        """Find the private chat of two users, or make it."""
        pair = frozenset((one, other))
        if pair not in self._private:
            self._private[pair] = self.new_chat(title=self.users[other].name, owner=one, kind="private", members=pair)
        return self._private[pair]

    def post(self, chat: Chat, author: int, text: str, *, system: bool = False) -> int:
        """Append a message and return its id, which is unique in the portal."""
        self._last_message_id += 1
        chat.last_message_id = self._last_message_id
        chat.messages.append(Message(author, text, system))
        return self._last_message_id
