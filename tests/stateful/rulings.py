"""Who may do what, by the documentation: what a call has to end with, which the emulator is not asked."""

from typing import final

import attrs

from bitrix_chat import (
    AccessDenied,
    MessageRefused,
    NotFound,
    NothingChanged,
    RequestError,
    RestError,
    WrongArgument,
)
from tests.stateful.model import FORBIDDEN_TO_RENAME, Model, Post, Room


@final
@attrs.frozen
class Ruling:
    """How a call may end: it may pass, or be refused with one of these classes."""

    may_pass: bool
    refusals: tuple[type[RestError], ...] = ()

    @property
    def is_sure(self) -> bool:
        """Whether the documentation leaves no choice."""
        return self.may_pass is not bool(self.refusals)


PASSES = Ruling(may_pass=True)
DENIED = Ruling(False, (AccessDenied,))
MISSING = Ruling(False, (NotFound, AccessDenied))


def refused(*classes: type[RestError]) -> Ruling:
    """Rule that it must not pass."""
    return Ruling(False, classes)


def unclear(*classes: type[RestError]) -> Ruling:
    """Rule that the documentation allows both."""
    return Ruling(True, classes)


def passes_if(allowed: bool, otherwise: Ruling = DENIED) -> Ruling:  # noqa: FBT001  # the condition is the sentence
    """Rule by a condition."""
    return PASSES if allowed else otherwise


def manages(room: Room, user_id: int) -> bool:
    """Tell whether the user is the owner or a manager."""
    return user_id == room.owner or user_id in room.managers


def participating(room: Room, actor: int) -> Ruling:
    """What members may do; whether the owner of an open chat may it from outside is not documented."""
    return passes_if(actor in room.places, unclear(AccessDenied) if owns_from_outside(room, actor) else DENIED)


def owns_from_outside(room: Room, actor: int) -> bool:
    """Tell whether somebody owns an open chat without being in it, as one may who was given it or left it to bots."""
    return actor == room.owner and room.kind == "open"


def renaming(room: Room, actor: int) -> Ruling:
    """Members rename and recolour by `im`, but a chat of a deal or a workgroup is called as that is."""
    return DENIED if (room.entity or ("",))[0] in FORBIDDEN_TO_RENAME else participating(room, actor)


def updating_by_bot(room: Room, bot_id: int) -> Ruling:
    """`imbot.v2.Chat.update` is the owner's, and where there is an entity of one's own nobody's."""
    return passes_if(bot_id in room.places and bot_id == room.owner and room.entity is None)


def inviting(model: Model, room: Room, actor: int, user_ids: list[int]) -> Ruling:
    """Members invite; that nobody is left to come is an error of `im`, under either of two codes."""
    allowed = participating(room, actor)
    somebody = bool(model.newcomers(room, user_ids)) or not allowed.may_pass
    return allowed if somebody else refused(RequestError, AccessDenied)


def removing(room: Room, actor: int, user_id: int) -> Ruling:
    """Managers remove anybody but the owner; whoever removes themselves leaves."""
    if actor == user_id or not room.readable_by(actor):
        return passes_if(actor in room.places)
    if user_id not in room.places:
        return MISSING
    return passes_if(manages(room, actor) and user_id != room.owner)


def removing_by_bot(room: Room, bot_id: int, user_id: int) -> Ruling:
    """A bot is told the same, but for those who are not in: that is no error, if it comes to that."""
    if bot_id not in room.places:
        return DENIED
    if user_id not in room.places:
        return passes_if(manages(room, bot_id) and user_id != room.owner, unclear(AccessDenied))
    return passes_if(user_id == bot_id or (manages(room, bot_id) and user_id != room.owner))


def handing_over(room: Room, actor: int, user_id: int) -> Ruling:
    """Only the owner hands a chat over by `im`, and only to a member."""
    if not room.readable_by(actor):
        return DENIED
    return passes_if(actor == room.owner and user_id in room.places, refused(RequestError))


def owning_by_bot(room: Room, bot_id: int) -> Ruling:
    """What the owner alone may do."""
    return passes_if(bot_id in room.places and bot_id == room.owner)


def membership(room: Room, actor: int) -> Ruling:
    """What members may do."""
    return passes_if(actor in room.places)


def writing(room: Room, actor: int, *, by_bot: bool) -> Ruling:
    """Members write; whether one has to join an open chat first is not documented for people."""
    if actor in room.places:
        return PASSES
    return unclear(AccessDenied) if room.kind == "open" and not by_bot else DENIED


def replying(room: Room, actor: int, post: Post, *, by_bot: bool) -> Ruling:
    """A reply needs a message of the same chat that its writer may read."""
    written = writing(room, actor, by_bot=by_bot)
    if not written.may_pass:
        return written
    if post.gone or not readable(post, actor):
        blind = by_bot and post.room is room and not post.gone
        return unclear(MessageRefused, AccessDenied) if blind else refused(MessageRefused if by_bot else AccessDenied)
    if post.room is not room:
        return refused(MessageRefused, *written.refusals)
    return unclear(MessageRefused, AccessDenied) if post.trace else written


def readable(post: Post, actor: int) -> bool:
    """Tell whether somebody may read the message."""
    return post.room.readable_by(actor) and post in post.room.visible_to(actor)


def changing(post: Post, actor: int) -> Ruling:
    """One changes one's own messages, as long as they are there."""
    if post.author != actor or not post.is_whole or not readable(post, actor):
        return MISSING
    return passes_if(actor in post.room.places, unclear(AccessDenied))


def deletes(post: Post, actor: int) -> bool:
    """Tell whether somebody may delete a message: their own, or any in a chat they manage."""
    if not post.is_whole or actor not in post.room.places or not readable(post, actor):
        return False
    return post.author == actor or (not post.room.is_private and manages(post.room, actor))


def deleting(post: Post, actor: int, *, by_bot: bool) -> Ruling:
    """Delete what one may; a bot is told yes even where nothing was deleted.

    Whether `im.message.delete` takes the messages of others from a chat's manager is not documented.
    """
    if deletes(post, actor):
        return PASSES if by_bot or post.author == actor else unclear(AccessDenied)
    left = post.author == actor and post.is_whole and readable(post, actor)
    return unclear(NotFound, AccessDenied) if by_bot or left else DENIED


def liking(post: Post, actor: int, action: str | None) -> Ruling:
    """A like that changes nothing is an error, and so is one of a message out of reach."""
    if not post.is_whole or not readable(post, actor):
        return refused(NothingChanged)
    liked = actor in post.reactions.get("like", ())
    return passes_if(action in (None, "auto") or (action == "minus") is liked, refused(NothingChanged))


def reacting_by_bot(post: Post, bot_id: int, reaction: str, *, add: bool) -> Ruling:
    """A bot reacts in its chats, once in each way, and takes back what it has set."""
    if bot_id not in post.room.places or not post.is_whole or not readable(post, bot_id):
        return MISSING
    is_set = bot_id in post.reactions.get(reaction, ())
    return passes_if(is_set is not add, refused(NothingChanged if add else WrongArgument))


def reading_by_bot(room: Room, bot_id: int, post: Post | None) -> Ruling:
    """A bot reads where it is a member, up to a message of that chat."""
    if bot_id not in room.places:
        return DENIED
    return passes_if(post is None or (post.room is room and not post.gone), refused(NotFound))
