"""What the portal holds, in memory only: people, bots, chats and the messages in them."""

import random
from collections.abc import Callable, Iterable, KeysView
from typing import Final, final

import attrs

from bitrix_chat.enums import Color
from bitrix_chat.portal.command_uses import commands_in, use_command
from bitrix_chat.portal.commands import Commands
from bitrix_chat.portal.departments import ROOT_ID, Structure
from bitrix_chat.portal.drive import Drive
from bitrix_chat.portal.event_bindings import EventBinding
from bitrix_chat.portal.event_log import EventLog, Happening
from bitrix_chat.portal.links import SignedLinks
from bitrix_chat.portal.messages import PLAIN, Extras, Message
from bitrix_chat.portal.notifications import Notifications
from bitrix_chat.portal.policy import PortalPolicy
from bitrix_chat.portal.recents import Recents
from bitrix_chat.portal.relations import InputAction, Relation
from bitrix_chat.portal.template_ids import TemplateIds

ADMIN_ID: Final = 1
GENERAL_CHAT_ID: Final = 1

# The server knows one colour more than the documentation lists; its HEX form is not documented.
COPILOT: Final = "copilot"
_COPILOT_HEX: Final = "#9672ff"

_FIRST_NAMES: Final = ("Anna", "Boris", "Clara", "David", "Elena", "Felix", "Galina", "Hugo", "Irina", "Jonas")
_LAST_NAMES: Final = ("Adler", "Brandt", "Conti", "Dvorak", "Eriksen", "Fischer", "Garnier")


@final
@attrs.define
class User:
    """A person or the account of a bot; moments are unix seconds.

    Attributes:
        phones: By kind (`work_phone`, `personal_mobile`, `inner_phone`).
        status: The status the user chose; None as long as they chose none.
    """

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
    avatar: bool = False
    birthday: str = ""
    departments: list[int] = attrs.field(factory=list)
    phones: dict[str, str] = attrs.field(factory=dict)
    status: str | None = None
    idle_since: float | None = None
    hired_at: float = 0.0
    active_at: float | None = None

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
    """A chat. `type` is chat, open or private; `color` is the name as `imbot.v2` spells it.

    Attributes:
        relations: The members' places, in the order in which they joined.
        input_actions: By user, who is typing or working on an answer.
    """

    id: int
    title: str
    owner: int
    description: str = ""
    color: str = Color.MARENGO
    type: str = "chat"
    entity_type: str = ""
    entity_id: str = ""
    avatar: bool = False
    relations: dict[int, Relation] = attrs.field(factory=dict, repr=False)
    managers: list[int] = attrs.field(factory=list)
    messages: list[Message] = attrs.field(factory=list, repr=False)
    created_at: float = 0.0
    last_message_id: int = 0
    copilot_role: str = ""
    disk_folder_id: int | None = None
    text_field_enabled: bool = True
    input_actions: dict[int, InputAction] = attrs.field(factory=dict, repr=False)

    @property
    def members(self) -> KeysView[int]:
        """Who is in the chat, in the order in which they joined."""
        return self.relations.keys()

    @property
    def dialog_id(self) -> str:
        """The id by which messages address the chat."""
        return f"chat{self.id}"

    def partner_of(self, user_id: int) -> int:
        """Return whom the user talks to in a private chat."""
        return next((member for member in self.members if member != user_id), user_id)

    def dialog_id_for(self, user_id: int) -> str:
        """Return the dialog id as the user sees it: a private chat is known by whom one talks to."""
        return str(self.partner_of(user_id)) if self.type == "private" else self.dialog_id

    @property
    def hex(self) -> str:
        """The colour as answers carry it."""
        return _COPILOT_HEX if self.color == COPILOT else Color(self.color).hex


@final
class PortalState:
    """Everything the methods read and change.

    User 1 is the administrator, 2..users+1 are employees; after them come two dismissed ones and one
    extranet user. Chat 1 is the general chat every portal has; `chats` leaves it out, `chat` finds it.

    Attributes:
        search_history: By user, the dialogs they opened from a search, the latest first.
        event_bindings: The handlers the application has bound to classic events.
    """

    def __init__(
        self,
        *,
        users: int,
        policy: PortalPolicy,
        clock: Callable[[], float],
        address: Callable[[], str],
        chat_colors: bool,
        seed: int,
    ) -> None:
        self.policy = policy
        self.clock = clock
        self.chat_colors = chat_colors
        self.random = random.Random(seed)  # noqa: S311 (colours, not secrets)
        self.users: dict[int, User] = {}
        self.bots: dict[int, Bot] = {}
        self.chats: dict[int, Chat] = {}
        self.drive = Drive(clock)
        self.links = SignedLinks(address)
        self.notifications = Notifications(clock)
        self.events = EventLog(clock, self.bots, policy)
        self.messages: dict[int, Message] = {}
        self.template_ids = TemplateIds(clock, self.messages)
        self.recents = Recents()
        self.commands = Commands()
        self.colors_given: dict[str, int] = {}
        self._by_entity: dict[tuple[str, str], list[int]] = {}
        self._private: dict[frozenset[int], Chat] = {}
        self._last_chat_id = GENERAL_CHAT_ID
        self._last_message_id = 0
        self._last_relation_id = 0
        self.search_history: dict[int, list[str]] = {}
        self.event_bindings: list[EventBinding] = []
        self._people(users)
        self.structure = Structure(admin=ADMIN_ID, employees=range(ADMIN_ID + 1, users + 2))
        self.general_chat = Chat(
            id=GENERAL_CHAT_ID, title="General chat", owner=ADMIN_ID, type="open", entity_type="GENERAL"
        )
        for user_id in self.users:
            if self.is_employee(user_id):
                self.join(self.general_chat, user_id)

    def _people(self, users: int) -> None:
        for number in range(users + 4):
            first = _FIRST_NAMES[number % len(_FIRST_NAMES)]
            last = _LAST_NAMES[number // len(_FIRST_NAMES) % len(_LAST_NAMES)]
            user = self.add_user(first, last)
            user.departments = [2 + user.id % 2]
            user.phones = {"inner_phone": str(100 + user.id)}
        self.users[ADMIN_ID].admin = True
        self.users[ADMIN_ID].departments = [ROOT_ID]
        self.inactive_user_ids = (users + 2, users + 3)
        self.extranet_user_id = users + 4
        for user_id in self.inactive_user_ids:
            self.users[user_id].active = False
        guest = self.users[self.extranet_user_id]
        guest.extranet, guest.departments, guest.phones = True, [], {}

    def add_user(self, first_name: str, last_name: str = "") -> User:
        """Hire somebody, into the root department."""
        now = self.clock()
        user = User(id=len(self.users) + 1, first_name=first_name, last_name=last_name)
        user.departments, user.hired_at, user.active_at = [ROOT_ID], now, now
        self.users[user.id] = user
        return user

    def is_active(self, user_id: int) -> bool:
        """Tell whether the user exists and was not dismissed."""
        user = self.users.get(user_id)
        return user is not None and user.active

    def is_employee(self, user_id: int) -> bool:
        """Tell whether the user is active, a person and no guest."""
        return self.is_active(user_id) and not (self.users[user_id].extranet or self.users[user_id].bot)

    def sees(self, viewer: int, user_id: int) -> bool:
        """Tell whether the viewer may know of the user: a guest, who shares no workgroup here, knows nobody else."""
        return viewer == user_id or not self.users[viewer].extranet

    def chat(self, chat_id: int) -> Chat | None:
        """Find a chat, the general one included."""
        return self.general_chat if chat_id == GENERAL_CHAT_ID else self.chats.get(chat_id)

    def new_chat(self, *, title: str, owner: int, kind: str, members: Iterable[int]) -> Chat:
        """Insert a chat; ids only grow."""
        self._last_chat_id += 1
        chat = Chat(id=self._last_chat_id, title=title, owner=owner, type=kind, created_at=self.clock())
        for user_id in members:
            self.join(chat, user_id)
        self.chats[chat.id] = chat
        return chat

    def join(self, chat: Chat, user_id: int) -> Relation:
        """Make the user a member of the chat; nothing that was said before counts as unread."""
        self._last_relation_id += 1
        relation = chat.relations[user_id] = Relation(self._last_relation_id, last_read_id=chat.last_message_id)
        return relation

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
            if self.policy.private_joins:
                self._announce_private(self._private[pair], one, other)
        return self._private[pair]

    def _announce_private(self, chat: Chat, one: int, other: int) -> None:
        """Tell a bot of its first talk with a person, who counts as the one that brought it in."""
        bots = [user_id for user_id in (one, other) if user_id in self.bots]
        if len(bots) == 1:
            self.events.tell(self.bots[bots[0]], Happening.JOIN_CHAT, chat, chat.partner_of(bots[0]))

    def post(self, chat: Chat, author: int, text: str, *, system: bool = False, extras: Extras = PLAIN) -> int:
        """Append a message and return its id, which is unique in the portal; its author has read what is there."""
        self._last_message_id += 1
        message_id = chat.last_message_id = self._last_message_id
        relation = chat.relations.get(author)
        if relation is not None:
            relation.last_sent_id = relation.last_read_id = relation.viewed_id = message_id
        message = Message(
            id=message_id,
            chat_id=chat.id,
            author=author,
            text=text,
            system=system,
            created_at=self.clock(),
            uuid=extras.uuid,
            params=dict(extras.params),
            forward=extras.forward,
        )
        chat.messages.append(message)
        self.messages[message_id] = message
        uses = [] if system else commands_in(self, text, chat, author)
        self.events.record(Happening.MESSAGE_ADD, chat, author, message=message, for_bots=not (system or uses))
        for use in uses:
            use_command(self, use, chat, author, message)
        return message_id
