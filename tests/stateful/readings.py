"""What the client reads, held against the model; what the documentation leaves open is learnt from the first answer."""

from collections.abc import Iterable, Sequence
from typing import Any

from bitrix_chat import AccessDenied, Call, ChatRole, CommandResult
from bitrix_chat.models.chat import Chat
from bitrix_chat.models.counters import Counters
from bitrix_chat.models.message import Message
from bitrix_chat.models.recent import RecentItem
from tests.stateful.deeds import World
from tests.stateful.model import Post, Room

_PAGE = 50


async def check(world: World, touched: Iterable[Room]) -> None:
    """Compare, for every person, all rooms in short and the touched ones in full: one request each."""
    touched = set(touched)
    for user_id in world.people:
        await _check_for(world, user_id, touched)


async def _check_for(world: World, user_id: int, touched: set[Room]) -> None:
    b24 = world.people[user_id]
    counters, recent = b24.im.counters.get(), b24.im.recent.list(limit=200)
    rooms = [room for room in world.model if not room.is_private or (room.id and user_id in room.places)]
    looks = [_Look(world, user_id, room, in_full=room in touched) for room in rooms]
    calls = [counters, recent, *(call for look in looks for call in look.calls)]
    result = await b24.batch(calls)
    for look in looks:
        look.compare([result[call] for call in look.calls])
    _check_counters(world, user_id, result[counters].unwrap())
    _check_recent(world, user_id, result[recent].unwrap().items)


class _Look:
    """The calls by which one person, and the administrator for the bot, looks at a room."""

    def __init__(self, world: World, user_id: int, room: Room, *, in_full: bool) -> None:
        self._world, self._user_id, self._room = world, user_id, room
        im, dialog_id = world.people[user_id].im, room.dialog_id(user_id)
        self.calls: list[Call[Any]] = [im.dialog.get(dialog_id)]
        self._by_bot = 0
        if in_full:
            self.calls.append(im.dialog.messages.get(dialog_id, limit=_PAGE))
        if in_full and not room.is_private:
            self.calls.append(im.chat.user.list(room.id))
            if user_id == min(world.people):
                chat = world.bot.chat
                self.calls += [chat.get(dialog_id), chat.user.list(dialog_id, limit=200)]
                self._by_bot = 2

    def compare(self, results: Sequence[CommandResult[Any]]) -> None:
        by_person = results[: len(results) - self._by_bot]
        if self._room.readable_by(self._user_id):
            self._compare(self._user_id, [result.unwrap() for result in by_person])
        else:
            assert {type(result.error) for result in by_person} == {AccessDenied}
        bot, by_bot = self._world.bot, results[len(by_person) :]
        if self._room.is_private or bot.id in self._room.places:
            self._compare_for_bot([result.unwrap() for result in by_bot])
        else:
            assert all(isinstance(result.error, AccessDenied) for result in by_bot)

    def _compare(self, user_id: int, values: list[Any]) -> None:
        chat, *more = values
        check_chat(self._room, chat, user_id)
        if user_id in self._room.places:
            assert chat.counter == self._room.unread_by(user_id)
            assert (user_id in chat.mute_list) is self._room.places[user_id].muted
        if more:
            messages, *more = more
            assert messages.chat_id == self._room.id
            check_messages(self._world, self._room, user_id, messages.messages[::-1], full=_PAGE)
        if more:
            assert sorted(more[0]) == sorted(self._room.places)

    def _compare_for_bot(self, values: list[Any]) -> None:
        if values:
            info, users = values
            check_chat(self._room, info.chat, self._world.bot.id)
            assert [user.id for user in info.users] == [self._world.bot.id]
            assert sorted(user.id for user in users) == sorted(self._room.places)


def check_chat(room: Room, chat: Chat, viewer: int) -> None:
    """Compare how a chat shows to somebody who may read it."""
    assert chat.id == room.id
    assert chat.dialog_id == room.dialog_id(viewer)
    assert chat.message_type == {"chat": "C", "open": "O", "private": "P"}[room.kind]
    if room.is_private:
        return
    _learn(room, chat)
    assert (chat.name, chat.description, chat.color_name) == (room.title, room.description, room.color)
    assert (chat.entity_type, chat.entity_id) == (room.entity or ("", ""))
    assert chat.owner == room.owner
    assert set(chat.manager_list) - {room.owner} == room.managers - {room.owner}
    assert chat.user_counter == len(room.places)
    if viewer in room.places:
        plain = ChatRole.MANAGER if viewer in room.managers else ChatRole.MEMBER
        assert chat.role == (ChatRole.OWNER if viewer == room.owner else plain)


def _learn(room: Room, chat: Chat) -> None:
    """Take what the portal had to choose: a title, a colour, who of several inherits the room."""
    room.title = chat.name if room.title is None else room.title
    room.color = chat.color_name if room.color is None else room.color
    if room.owner is None:
        assert chat.owner in room.heirs
        room.owner = chat.owner


def check_messages(
    world: World, room: Room, viewer: int, messages: Sequence[Message], *, full: int | None = None
) -> None:
    """Compare messages, the oldest first; of a page as long as `full` only the newest of the room are in it."""
    ids = [message.id for message in messages]
    assert ids == sorted(set(ids))
    shown = _sent_ones(world, room, messages)
    expected = room.visible_to(viewer)
    if full is not None and len(messages) == full:
        expected = expected[-len(shown) :] if shown else []
    assert [post for post, _ in shown] == expected
    for post, message in shown:
        _check_message(post, message)


def _sent_ones(world: World, room: Room, messages: Sequence[Message]) -> list[tuple[Post, Message]]:
    """Pair messages with posts; what is left is the portal's own, and repeats nothing that was sent."""
    waiting = {post.text: post for post in room.posts if post.id is None}
    for message in messages:
        if message.text in waiting:
            waiting.pop(message.text).id = message.id
    known = {post.id: post for post in room.posts if post.id is not None}
    for message in messages:
        if message.id not in known:
            assert message.author_id is None, "nobody sent this"
            assert message.text not in world.model.texts, "this is here twice"
    return [(known[message.id], message) for message in messages if message.id in known]


def _check_message(post: Post, message: Message) -> None:
    assert message.author_id == post.author
    if post.trace:
        assert message.text != post.text
        return
    assert message.text == post.text
    assert message.params.get("REPLY_ID") == post.reply_to
    if post.template_id is not None:
        assert message.uuid == post.template_id
    assert sorted(message.params.get("LIKE", ())) == sorted(post.reactions.get("like", ()))


def _check_counters(world: World, user_id: int, counters: Counters) -> None:
    mine = [room for room in world.model if user_id in room.places]
    unread = {room: count for room in mine if (count := room.unread_by(user_id))}
    groups = {room.id: count for room, count in unread.items() if not room.is_private}
    muted = {room.id for room in mine if room.places[user_id].muted}
    assert counters.chat == {chat_id: count for chat_id, count in groups.items() if chat_id not in muted}
    assert counters.chat_muted == {chat_id: count for chat_id, count in groups.items() if chat_id in muted}
    assert counters.dialog == {room.partner_of(user_id): count for room, count in unread.items() if room.is_private}
    assert counters.type.chat >= sum(counters.chat.values())
    assert counters.type.dialog >= sum(counters.dialog.values())
    assert counters.type.all == counters.type.chat + counters.type.dialog
    for room in mine:
        key = room.partner_of(user_id) if room.is_private else room.id
        marked = key in (counters.dialog_unread if room.is_private else counters.chat_unread)
        assert room.places[user_id].marked in (None, marked)


def _check_recent(world: World, user_id: int, items: Sequence[RecentItem]) -> None:
    by_id = {item.id: item for item in items}
    assert len(by_id) == len(items)
    order = [(item.pinned, item.message.id) for item in items if item.message is not None]
    assert order == sorted(order, reverse=True)
    for room in world.model:
        place = room.places.get(user_id)
        if place is None:
            assert room.is_private or f"chat{room.id}" not in by_id
            continue
        item = by_id.get(room.dialog_id(user_id))
        assert place.listed in (None, item is not None)
        if item is not None:
            assert item.chat_id == room.id
            assert item.counter == room.unread_by(user_id)
            assert place.pinned in (None, item.pinned)
            assert place.marked in (None, item.unread)


async def check_everything(world: World) -> None:
    """Read every room from end to end in small pages and both directions, as each person who may."""
    for user_id, b24 in world.people.items():
        for room in world.model:
            if room.id is None or (room.is_private and user_id not in room.places) or not room.readable_by(user_id):
                continue
            dialog_id = room.dialog_id(user_id)
            forwards = [message async for message in b24.im.dialog.messages.iter_messages(dialog_id, oldest_first=True)]
            backwards = [message async for message in b24.im.dialog.messages.iter_messages(dialog_id, limit=3)]
            assert [message.id for message in forwards] == [message.id for message in backwards[::-1]]
            check_messages(world, room, user_id, forwards)
            users = [user.id async for user in b24.im.dialog.users.iter_users(dialog_id, limit=2)]
            assert sorted(users) == sorted(room.places)
