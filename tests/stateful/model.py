"""What the portal ought to hold, in plain Python: written from the documentation, ignorant of the emulator.

What the portal says of itself (greetings, "Anna added Boris") has no documented wording and is left out: the model
knows what was sent. A fact that the documentation leaves open is None until it has been read once.
"""

from collections.abc import Iterable, Iterator
from typing import Final, final

import attrs

from bitrix_chat import Color

FORBIDDEN_TO_RENAME: Final = frozenset({"CRM", "SONET_GROUP"})


@final
@attrs.define(eq=False, repr=False)
class Post:
    """A message that somebody sent; `number` counts all messages of the model in their order.

    Attributes:
        sender: who sent it; a system message bears nobody's name all the same.
        id: None until it has been read, where the sending told none.
        trace: whether it was deleted after somebody had read it, which leaves a message without its text.
        gone: whether it was deleted and left nothing.
    """

    number: int
    room: "Room"
    sender: int
    text: str
    id: int | None = None
    system: bool = False
    reply_to: int | None = None
    template_id: str | None = None
    reactions: dict[str, set[int]] = attrs.field(factory=dict)
    trace: bool = False
    gone: bool = False

    def __repr__(self) -> str:
        return f"<Post {self.id} in {self.room}>"

    @property
    def author(self) -> int | None:
        """Whose name it bears."""
        return None if self.system else self.sender

    @property
    def is_whole(self) -> bool:
        """Whether nobody has deleted it."""
        return not (self.trace or self.gone)


@final
@attrs.define(eq=False)
class Place:
    """One member's place in a room; marks are numbers of posts.

    Attributes:
        hidden: the last post from before they came, if the history is hidden from them.
        read: up to where nothing counts as unread.
        seen: the furthest they have ever read.
        listed: whether the room is in their list of recent ones; None where the documentation does not tell.
    """

    hidden: int = 0
    read: int = 0
    seen: int = 0
    muted: bool = False
    listed: bool | None = None
    pinned: bool | None = False
    marked: bool | None = False


@final
@attrs.define(eq=False, repr=False)
class Room:
    """A chat; a private one has neither owner nor title of its own.

    Attributes:
        id: None for a private chat in which nothing has happened yet.
        owner: None as long as only `heirs` is known, one of whom it is.
    """

    id: int | None
    owner: int | None
    title: str | None = None
    description: str = ""
    color: Color | None = None
    kind: str = "chat"
    entity: tuple[str, str] | None = None
    managers: set[int] = attrs.field(factory=set)
    heirs: set[int] = attrs.field(factory=set)
    places: dict[int, Place] = attrs.field(factory=dict)
    posts: list[Post] = attrs.field(factory=list)

    def __repr__(self) -> str:
        return f"<Room {self.id}>"

    @property
    def is_private(self) -> bool:
        """Whether two people have it to themselves."""
        return self.kind == "private"

    def partner_of(self, user_id: int) -> int:
        """Return the other one of a private chat."""
        return next(member for member in self.places if member != user_id)

    def dialog_id(self, user_id: int) -> str:
        """Return the name by which the user addresses the room."""
        return str(self.partner_of(user_id)) if self.is_private else f"chat{self.id}"

    def readable_by(self, user_id: int) -> bool:
        """Tell whether an employee may read it: as a member, or because it is open."""
        return user_id in self.places or self.kind == "open"

    def visible_to(self, user_id: int) -> list[Post]:
        """List the posts a reader sees, in their order."""
        hidden = self.places[user_id].hidden if user_id in self.places else 0
        return [post for post in self.posts if post.number > hidden]

    def unread_by(self, user_id: int) -> int:
        """Count what others have sent and the member has not read."""
        place = self.places.get(user_id)
        if place is None:
            return 0
        return sum(post.number > place.read and post.sender != user_id for post in self.visible_to(user_id))


@final
class Model:
    """All rooms, and what each call does to them; nothing here asks whether it may.

    Args:
        people: who can be a member and inherit a room.
        bots: who can be a member, but inherits nothing.
    """

    def __init__(self, people: Iterable[int], bots: Iterable[int]) -> None:
        self.people = frozenset(people)
        self.everybody = self.people | set(bots)
        self.rooms: list[Room] = []
        self.private: dict[frozenset[int], Room] = {}
        self.texts: set[str] = set()
        self.said = 0
        self.posts: list[Post] = []

    def __iter__(self) -> Iterator[Room]:
        return iter([*self.rooms, *self.private.values()])

    def private_room(self, one: int, other: int) -> Room:
        """Find the private chat of two users; there is exactly one."""
        pair = frozenset((one, other))
        if pair not in self.private:
            places = {user_id: Place() for user_id in sorted(pair)}
            self.private[pair] = Room(id=None, owner=None, kind="private", places=places)
        return self.private[pair]

    def rooms_of(self, entity: tuple[str, str]) -> list[int | None]:
        """List the ids of the rooms of an entity, which nothing makes unique."""
        return [room.id for room in self.rooms if room.entity == entity]

    def create(self, room: Room, members: Iterable[int], *, author: int, message: str | None = None) -> None:
        """Add a room. Its description is posted by its owner, then the message by the author."""
        self.rooms.append(room)
        room.places = {user_id: Place() for user_id in members if user_id in self.everybody}
        if room.owner is not None:
            room.managers = {room.owner}
            if room.description:
                self.post(room, room.owner, room.description)
        if message:
            self.post(room, author, message)

    def post(self, room: Room, sender: int, text: str, **details: object) -> Post:
        """Append a message: it is unread for everybody but its sender, who has read what is there."""
        post = Post(len(self.posts) + 1, room, sender, text, **details)  # type: ignore[arg-type]
        self.posts.append(post)
        self.texts.add(text)
        room.posts.append(post)
        for place in room.places.values():
            place.listed = True
        if sender in room.places:
            self.read(room, sender, post)
        return post

    def join(self, room: Room, user_ids: Iterable[int], *, hide_history: bool) -> None:
        """Let users in for whom nothing that was said before is unread."""
        last = len(self.posts)
        for user_id in self.newcomers(room, user_ids):
            room.places[user_id] = Place(hidden=last if hide_history else 0, read=last)

    def newcomers(self, room: Room, user_ids: Iterable[int]) -> set[int]:
        """Return who of them can join: neither members nor users who do not exist or were dismissed."""
        return (set(user_ids) & self.everybody) - room.places.keys()

    def part(self, room: Room, user_id: int) -> None:
        """Let a member go; the room of an owner goes to some other person in it."""
        del room.places[user_id]
        room.managers.discard(user_id)
        heirs = room.places.keys() & self.people
        if room.owner == user_id and heirs:
            room.owner = next(iter(heirs)) if len(heirs) == 1 else None
            room.heirs = heirs

    def hand_over(self, room: Room, user_id: int) -> None:
        """Make somebody the owner; the former one stays as a plain member."""
        if room.owner is not None:
            room.managers.discard(room.owner)
        room.owner = user_id

    def read(self, room: Room, user_id: int, up_to: Post | None = None) -> None:
        """Read up to a post, or everything; reading never goes back."""
        place = room.places[user_id]
        number = len(self.posts) if up_to is None else up_to.number
        place.read, place.seen = max(place.read, number), max(place.seen, number)

    def read_as_asked(self, room: Room, user_id: int, up_to: Post | None = None) -> None:
        """Read by a call that is there for it, which takes the mark off the room."""
        if user_id in room.places:
            self.read(room, user_id, up_to)
            room.places[user_id].marked = False

    def unread(self, room: Room, user_id: int, since: Post) -> None:
        """Let a member's counter begin at a post again."""
        if user_id in room.places:
            room.places[user_id].read = since.number - 1

    def delete(self, post: Post, *, completely: bool) -> None:
        """Delete a message: what another member has read leaves a trace, unless it is to go completely."""
        others = (place for user_id, place in post.room.places.items() if user_id != post.sender)
        if not completely and any(place.seen >= post.number for place in others):
            post.trace, post.reactions = True, {}
            return
        post.gone = True
        post.room.posts.remove(post)
        for place in post.room.places.values():
            place.listed = False if place.listed is False else None

    def hide(self, room: Room, user_id: int) -> None:
        """Take the room off the member's list until somebody writes."""
        if user_id in room.places:
            place = room.places[user_id]
            place.listed, place.pinned, place.marked = False, None, None

    def stir(self, room: Room) -> None:
        """Something happened that the portal may announce in the room, which brings it back into lists or not."""
        for place in room.places.values():
            place.listed = True if place.listed else None
