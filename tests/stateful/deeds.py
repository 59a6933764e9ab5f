"""Calls to be made: who does what to which room is drawn, what it has to end with and to leave is said beside it."""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias, TypeVar, final

import attrs
from hypothesis import strategies as st

from bitrix_chat import BitrixChat, Call, ChatType, Color, Entity, Reaction, RequestError
from bitrix_chat.resources.imbot import BotHandle
from tests.stateful import rulings
from tests.stateful.model import Model, Post, Room
from tests.stateful.rulings import PASSES, Ruling

T = TypeVar("T")
Draw: TypeAlias = Callable[[st.SearchStrategy[T]], T]

ADMIN: Final = 1
SECOND: Final = 2

_ODD_TEXTS: Final = (
    "Привет, «ёж» 你好 🙂",
    "[b]bold[/b] [USER=2]you[/USER] [url=https://portal.example/]there[/url]",
    "it is $result[c0][id] or $NEXT[c1]",
    "it costs $result and $total",
    "100 % a+b & c=d? #1 ; e",
    "<b>html</b> &amp; &quot;more&quot;",
    '{"json": ["text"]}',
    "two\nlines",
    "chat1",
)
_PLAIN: Final = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=20)
_BODIES: Final = st.sampled_from(_ODD_TEXTS) | _PLAIN
_ENTITIES: Final = st.builds(
    Entity, st.sampled_from(["PROJECT_ROOM", "CRM", "SONET_GROUP"]), st.sampled_from(["17", "DEAL|18"])
)


def pick(draw: Draw[Any], options: Sequence[T]) -> T:
    """Draw one of several objects by its place, which a report can print."""
    return options[draw(st.integers(0, len(options) - 1))]


@final
@attrs.frozen(eq=False)
class Deed:
    """One call, made when it is its turn; ruling and effect are asked when its end is known."""

    call: Callable[[], Call[Any]]
    ruling: Callable[[], Ruling]
    effect: Callable[[Any], object]
    rooms: tuple[Room, ...] = ()


@final
@attrs.define(eq=False)
class World:
    """Those who act, and the model of what they act upon.

    Attributes:
        passive: users who are invited and removed but call nothing.
        strangers: ids of users who are dismissed or do not exist.
    """

    people: dict[int, BitrixChat]
    bot: BotHandle
    model: Model
    passive: tuple[int, ...]
    strangers: tuple[int, ...]

    @property
    def actors(self) -> tuple[int, ...]:
        """Everybody who calls."""
        return (*self.people, self.bot.id)

    def text(self, draw: Draw[str]) -> str:
        """Draw a text that nobody has said yet."""
        self.model.said += 1
        return f"{draw(_BODIES)} #{self.model.said:03}"

    def only(self, user_id: int, bot: BotHandle) -> "World":
        """Return the same world as one person and their bot act in it."""
        return attrs.evolve(self, people={user_id: self.people[user_id]}, bot=bot)

    def actor(self, draw: Draw[int], room: Room, among: Sequence[int] | None = None) -> int:
        """Draw who acts, a member more often than not."""
        candidates = self.actors if among is None else tuple(among)
        members = [user_id for user_id in candidates if user_id in room.places]
        return draw(st.sampled_from([*members * 3, *candidates]))

    def group(self, draw: Draw[Room]) -> Room:
        """Draw a room that is not private."""
        return pick(draw, self.model.rooms)

    def anybody(self, draw: Draw[int]) -> int:
        """Draw a user, who may be nobody."""
        return draw(st.sampled_from([*self.actors, *self.passive, *self.strangers]))

    def several(self, draw: Draw[list[int]]) -> list[int]:
        """Draw users."""
        everybody = [*self.actors, *self.passive, *self.strangers]
        return draw(st.lists(st.sampled_from(everybody), min_size=1, max_size=3, unique=True))

    def guests(self, draw: Draw[Any]) -> list[int]:
        """Draw with whom a room begins, often with everybody who acts."""
        return [*self.actors, self.passive[0]] if draw(st.sampled_from([True, True, False])) else self.several(draw)

    def place_to_write(self, draw: Draw[Any], among: Sequence[int] | None = None) -> tuple[Room, int]:
        """Draw a room, private ones included, and who acts in it."""
        actors = self.actors if among is None else tuple(among)
        if draw(st.sampled_from([True, True, True, False])):
            room = self.group(draw)
            return room, self.actor(draw, room, actors)
        actor = draw(st.sampled_from(actors))
        other = draw(st.sampled_from([user_id for user_id in self.actors if user_id != actor]))
        return self.model.private_room(actor, other), actor

    def post_of(self, draw: Draw[Post], room: Room | None = None, *, gone: bool = True) -> Post | None:
        """Draw a message whose id is known, None if there is none."""
        posts = [
            post
            for post in self.model.posts
            if post.id is not None and (room is None or post.room is room) and (gone or not post.gone)
        ]
        return pick(draw, posts) if posts else None


def creating_by_person(world: World, draw: Draw[Any], entity: Entity | None = None) -> Deed:
    """`im.chat.add`: description and message are posted."""
    actor = draw(st.sampled_from(tuple(world.people)))
    room, wanted = _room_to_be(world, draw, owner=actor, entity=entity)
    message = draw(st.none() | st.just("yes")) and world.text(draw)
    users = world.guests(draw)

    def call() -> Call[int]:
        return world.people[actor].im.chat.add(
            **wanted, user_ids=users, message=message, type=ChatType.OPEN if room.kind == "open" else None
        )

    def created(chat_id: int) -> None:
        room.id = chat_id
        world.model.create(room, {*users, actor}, author=actor, message=message)

    return Deed(call, lambda: PASSES, created, (room,))


def creating_by_bot(world: World, draw: Draw[Any], entity: Entity | None = None) -> Deed:
    """`imbot.v2.Chat.add`: the bot is a member whoever owns the chat, and the message is not posted."""
    owner = draw(st.sampled_from([world.bot.id, *world.people]))
    room, wanted = _room_to_be(world, draw, owner=owner, entity=entity)
    users = world.guests(draw)

    def call() -> Call[Any]:
        return world.bot.chat.add(
            **wanted,
            user_ids=users,
            owner_id=None if owner == world.bot.id else owner,
            message="never posted",
            type=ChatType.OPEN if room.kind == "open" else None,
        )

    def created(answer: Any) -> None:
        room.id = answer if isinstance(answer, int) else answer.chat.id
        world.model.create(room, {*users, world.bot.id, owner}, author=world.bot.id)

    return Deed(call, lambda: PASSES, created, (room,))


def _room_to_be(world: World, draw: Draw[Any], *, owner: int, entity: Entity | None) -> tuple[Room, dict[str, Any]]:
    entity = entity or draw(st.none() | _ENTITIES)
    room = Room(
        id=None,
        owner=owner,
        title=draw(st.none() | _PLAIN),
        description=draw(st.sampled_from(["", "yes"])) and world.text(draw),
        color=draw(st.none() | st.sampled_from(Color)),
        kind=draw(st.sampled_from(["chat", "chat", "open"])),
        entity=None if entity is None else (entity.type, entity.id),
    )
    return room, {
        "title": room.title,
        "description": room.description or None,
        "color": room.color,
        "entity": entity,
    }


def renaming(world: World, draw: Draw[Any]) -> Deed:
    """Both APIs rename, for different members."""
    room = world.group(draw)
    actor, title = world.actor(draw, room), draw(_PLAIN)

    def renamed(_: bool) -> None:  # noqa: FBT001
        room.title = title
        world.model.stir(room)

    if actor == world.bot.id:
        call = lambda: world.bot.chat.update(room.dialog_id(actor), title=title)  # noqa: E731
        return Deed(call, lambda: rulings.updating_by_bot(room, actor), renamed, (room,))
    given = {"chat_id": room.id} if draw(st.booleans()) else {"dialog_id": room.dialog_id(actor)}
    call = lambda: world.people[actor].im.chat.update_title(**given, title=title)  # noqa: E731
    return Deed(call, lambda: rulings.renaming(room, actor), renamed, (room,))


def recolouring(world: World, draw: Draw[Any]) -> Deed:
    """By `im` the colour that the room has is an error."""
    room = world.group(draw)
    actor, color = world.actor(draw, room), draw(st.sampled_from(tuple(Color)[:3]))

    def recoloured(_: bool) -> None:  # noqa: FBT001
        room.color = color
        world.model.stir(room)

    if actor == world.bot.id:
        call = lambda: world.bot.chat.update(room.dialog_id(actor), color=color)  # noqa: E731
        return Deed(call, lambda: rulings.updating_by_bot(room, actor), recoloured, (room,))

    def ruling() -> Ruling:
        allowed = rulings.renaming(room, actor)
        if room.color is not color or not allowed.may_pass:
            return allowed
        return rulings.refused(RequestError, *allowed.refusals)

    return Deed(lambda: world.people[actor].im.chat.update_color(room.id, color=color), ruling, recoloured, (room,))


def describing(world: World, draw: Draw[Any]) -> Deed:
    """A bot describes its own chat."""
    room, text = world.group(draw), world.text(draw)
    bot = world.bot
    return Deed(
        lambda: bot.chat.update(room.dialog_id(bot.id), description=text),
        lambda: rulings.updating_by_bot(room, bot.id),
        lambda _: (setattr(room, "description", text), world.model.stir(room)),
        (room,),
    )


def inviting(world: World, draw: Draw[Any]) -> Deed:
    """By `im` the history is hidden from newcomers unless told otherwise; a bot shows it."""
    room = world.group(draw)
    actor, users = world.actor(draw, room), world.several(draw)
    by_bot = actor == world.bot.id
    hide = False if by_bot else draw(st.sampled_from([None, True, False]))

    def call() -> Call[bool]:
        if by_bot:
            return world.bot.chat.user.add(room.dialog_id(actor), users)
        return world.people[actor].im.chat.user.add(room.id, users, hide_history=hide)

    def ruling() -> Ruling:
        if by_bot:
            return rulings.membership(room, actor)
        return rulings.inviting(world.model, room, actor, users)

    def invited(_: bool) -> None:  # noqa: FBT001
        world.model.join(room, users, hide_history=hide is not False)
        world.model.stir(room)

    return Deed(call, ruling, invited, (room,))


def removing(world: World, draw: Draw[Any]) -> Deed:
    """Somebody is taken out, who may be the actor."""
    room = world.group(draw)
    actor, user = world.actor(draw, room), world.anybody(draw)

    def call() -> Call[bool]:
        if actor == world.bot.id:
            return world.bot.chat.user.delete(room.dialog_id(actor), user)
        return world.people[actor].im.chat.user.delete(room.id, user)

    def removed(_: bool) -> None:  # noqa: FBT001
        if user in room.places:
            world.model.part(room, user)
            world.model.stir(room)

    rule = rulings.removing_by_bot if actor == world.bot.id else rulings.removing
    return Deed(call, lambda: rule(room, actor, user), removed, (room,))


def leaving(world: World, draw: Draw[Any]) -> Deed:
    """Whoever owns the room leaves it to another person."""
    room = world.group(draw)
    actor = world.actor(draw, room)

    def call() -> Call[bool]:
        if actor == world.bot.id:
            return world.bot.chat.leave(room.dialog_id(actor))
        return world.people[actor].im.chat.leave(room.id)

    def left(_: bool) -> None:  # noqa: FBT001
        world.model.part(room, actor)
        world.model.stir(room)

    return Deed(call, lambda: rulings.membership(room, actor), left, (room,))


def handing_over(world: World, draw: Draw[Any]) -> Deed:
    """By `imbot.v2` the new owner need not be a member."""
    room = world.group(draw)
    actor = world.actor(draw, room)
    user = draw(st.sampled_from([*world.actors, *world.passive]))

    def call() -> Call[bool]:
        if actor == world.bot.id:
            return world.bot.chat.set_owner(room.dialog_id(actor), user)
        return world.people[actor].im.chat.set_owner(room.id, user_id=user)

    def ruling() -> Ruling:
        if actor == world.bot.id:
            return rulings.owning_by_bot(room, actor)
        return rulings.handing_over(room, actor, user)

    return Deed(call, ruling, lambda _: world.model.hand_over(room, user), (room,))


def appointing(world: World, draw: Draw[Any]) -> Deed:
    """Managers come and go by a bot's word; who is no member is passed over, and the owner stays one."""
    room, users, add = world.group(draw), world.several(draw), draw(st.booleans())
    bot = world.bot
    manager = bot.chat.manager

    def appointed(_: bool) -> None:  # noqa: FBT001
        room.managers = room.managers | (set(users) & room.places.keys()) if add else room.managers - set(users)

    return Deed(
        lambda: (manager.add if add else manager.delete)(room.dialog_id(bot.id), users),
        lambda: rulings.owning_by_bot(room, bot.id),
        appointed,
        (room,),
    )


def muting(world: World, draw: Draw[Any]) -> Deed:
    """What is muted is counted elsewhere; muting twice is no error."""
    room = world.group(draw)
    actor, mute = world.actor(draw, room, tuple(world.people)), draw(st.booleans())

    def muted(_: bool) -> None:  # noqa: FBT001
        room.places[actor].muted = mute

    call = lambda: world.people[actor].im.chat.mute(room.id, mute=mute)  # noqa: E731
    return Deed(call, lambda: rulings.membership(room, actor), muted, (room,))


def sending(world: World, draw: Draw[Any]) -> Deed:
    """A message with a template id of its own, a system message, or a plain one; perhaps a reply."""
    room, actor = world.place_to_write(draw)
    kind = draw(st.sampled_from(["plain", "keyed", "system"]))
    answered = draw(st.sampled_from([False, False, True])) and world.post_of(draw)
    post = Post(
        0,
        room,
        actor,
        world.text(draw),
        system=kind == "system",
        reply_to=answered.id if answered else None,
        template_id=str(draw(st.uuids(version=4))) if kind == "keyed" else None,
    )
    return _sending(world, post, answered or None)


def sending_again(world: World, draw: Draw[Any]) -> Deed | None:
    """A template id for the second time: the first message is answered, and nothing is posted."""
    known = [post for post in world.model.posts if post.template_id and not post.gone and post.id]
    if not known:
        return None
    first = pick(draw, known)
    again = Post(0, first.room, first.sender, world.text(draw), template_id=first.template_id)
    sent = _sending(world, again, None)

    def answered(answer: Any) -> None:
        if first.gone:
            sent.effect(answer)
        elif answer is not None:
            assert _message_id(answer) == first.id

    return attrs.evolve(sent, effect=answered)


def _sending(world: World, post: Post, answered: Post | None) -> Deed:
    room, actor, by_bot = post.room, post.sender, post.sender == world.bot.id
    details: dict[str, Any] = {
        "system": post.system or None,
        "reply_to": post.reply_to,
        "template_id": post.template_id,
    }

    def call() -> Call[Any]:
        send = world.bot.chat.message.send if by_bot else world.people[actor].im.message.add
        return send(room.dialog_id(actor), post.text, **details)

    def ruling() -> Ruling:
        if answered is not None:
            return rulings.replying(room, actor, answered, by_bot=by_bot)
        return rulings.writing(room, actor, by_bot=by_bot)

    posted: list[Post] = []

    def sent(answer: Any) -> None:
        kept = {"system": post.system, "reply_to": post.reply_to, "template_id": post.template_id}
        if not posted:  # the same call a second time carries the same template id
            posted.append(world.model.post(room, actor, post.text, **kept))
        posted[0].id = _message_id(answer)

    return Deed(call, ruling, sent, (room,))


def _message_id(answer: Any) -> int | None:
    return answer if isinstance(answer, int | None) else answer.id


def changing(world: World, draw: Draw[Any]) -> Deed | None:
    """Another text for a message."""
    post = world.post_of(draw)
    if post is None:
        return None
    actor, text = world.actor(draw, post.room), world.text(draw)

    def call() -> Call[bool]:
        if actor == world.bot.id:
            return world.bot.chat.message.update(post.id, text)
        return world.people[actor].im.message.update(post.id, text)

    def changed(_: bool) -> None:  # noqa: FBT001
        post.text = text
        world.model.texts.add(text)

    return Deed(call, lambda: rulings.changing(post, actor), changed, (post.room,))


def deleting(world: World, draw: Draw[Any]) -> Deed | None:
    """A message is taken back; by a bot it may go without a trace."""
    post = world.post_of(draw)
    if post is None:
        return None
    actor = world.actor(draw, post.room)
    by_bot = actor == world.bot.id
    completely = by_bot and not post.trace and draw(st.booleans())

    def call() -> Call[bool]:
        if by_bot:
            return world.bot.chat.message.delete(post.id, complete=completely)
        return world.people[actor].im.message.delete(post.id)

    def deleted(_: bool) -> None:  # noqa: FBT001
        left = actor not in post.room.places and post.author == actor and post.is_whole
        if rulings.deletes(post, actor) or (left and not by_bot):
            world.model.delete(post, completely=completely)

    return Deed(call, lambda: rulings.deleting(post, actor, by_bot=by_bot), deleted, (post.room,))


def liking(world: World, draw: Draw[Any]) -> Deed | None:
    """People like messages, or turn the like over."""
    post = world.post_of(draw)
    if post is None or post.trace:
        return None
    actor = world.actor(draw, post.room, tuple(world.people))
    action = draw(st.sampled_from([None, "plus", "minus"]))

    def liked(_: bool) -> None:  # noqa: FBT001
        users = post.reactions.setdefault("like", set())
        (users.discard if actor in users else users.add)(actor)

    call = lambda: world.people[actor].im.message.like(post.id, action=action)  # noqa: E731
    return Deed(call, lambda: rulings.liking(post, actor, action), liked, (post.room,))


def reacting(world: World, draw: Draw[Any]) -> Deed | None:
    """A bot reacts, to each message in one way: what two ways make is not documented."""
    post = world.post_of(draw)
    if post is None or post.trace:
        return None
    bot, add = world.bot, draw(st.booleans())
    reaction = (Reaction.LIKE, Reaction.FIRE)[post.number % 2]
    react = bot.chat.message.reaction

    def reacted(_: bool) -> None:  # noqa: FBT001
        users = post.reactions.setdefault(reaction.value, set())
        (users.add if add else users.discard)(bot.id)

    return Deed(
        lambda: (react.add if add else react.delete)(post.id, reaction),
        lambda: rulings.reacting_by_bot(post, bot.id, reaction.value, add=add),
        reacted,
        (post.room,),
    )


def reading(world: World, draw: Draw[Any]) -> Deed:
    """Read up to a message, or everything; a person who is no member is answered nothing."""
    room, actor = world.place_to_write(draw)
    post = (draw(st.sampled_from([True, False])) and world.post_of(draw, room, gone=False)) or None
    post_id = post.id if post else None

    def call() -> Call[Any]:
        if actor == world.bot.id:
            return world.bot.chat.message.read(room.dialog_id(actor), post_id)
        return world.people[actor].im.dialog.read(room.dialog_id(actor), message_id=post_id)

    def ruling() -> Ruling:
        return rulings.reading_by_bot(room, actor, post) if actor == world.bot.id else PASSES

    def read(answer: Any) -> None:
        world.model.read_as_asked(room, actor, post)
        if answer is not None:
            assert actor in room.places
            assert answer.counter == room.unread_by(actor)

    return Deed(call, ruling, read, (room,))


def unreading(world: World, draw: Draw[Any]) -> Deed | None:
    """Let the counter begin at a message again; for who is no member nothing happens."""
    room, actor = world.place_to_write(draw, tuple(world.people))
    post = world.post_of(draw, room, gone=False)
    if post is None:
        return None
    call = lambda: world.people[actor].im.dialog.unread(room.dialog_id(actor), post.id)  # noqa: E731
    return Deed(call, lambda: PASSES, lambda _: world.model.unread(room, actor, post), (room,))


def reading_all(world: World, draw: Draw[Any]) -> Deed:
    """Nothing is unread any more."""
    actor = draw(st.sampled_from(tuple(world.people)))

    def read(_: bool) -> None:  # noqa: FBT001
        for room in world.model:
            world.model.read_as_asked(room, actor)

    return Deed(world.people[actor].im.dialog.read.all, lambda: PASSES, read)


def listing(world: World, draw: Draw[Any]) -> Deed:
    """Pin a room to the top of the recent ones, mark it as unread, or hide it."""
    room, actor = world.place_to_write(draw, tuple(world.people))
    what, yes = draw(st.sampled_from(["pin", "mark", "hide"])), draw(st.sampled_from([True, False]))

    def call() -> Call[bool]:
        recent, dialog_id = world.people[actor].im.recent, room.dialog_id(actor)
        if what == "hide":
            return recent.hide(dialog_id)
        return recent.pin(dialog_id, pin=yes) if what == "pin" else recent.unread(dialog_id, unread=yes)

    def done(_: bool) -> None:  # noqa: FBT001
        if what == "hide":
            world.model.hide(room, actor)
        elif actor in room.places:
            setattr(room.places[actor], "pinned" if what == "pin" else "marked", yes)

    return Deed(call, lambda: rulings.membership(room, actor) if what == "pin" else PASSES, done, (room,))
