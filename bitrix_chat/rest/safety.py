"""What repeating each method does, and why that is known: the one table behind every retry.

`SAFE` reads only. `IDEMPOTENT` may run twice and leaves what one run leaves; the second answer may be a refusal
("already set"), which after an attempt of unknown outcome is reported as unknown. `KEYED` carries a key that the
portal recognises. `CREATE` is everything else, and is never repeated unless it surely did not run.
"""

from types import MappingProxyType
from typing import Final, NamedTuple

from bitrix_chat.rest.request import Safety


class Declared(NamedTuple):
    """The class of a method, and the reason that a reader can check against the documentation."""

    safety: Safety
    reason: str


_READS: Final = "reads only"
_ASKS: Final = "reads only; a question about a user's number opens the private chat, once"
_SETS: Final = (
    "sets a value; a repetition comes within seconds, and whoever changes the same thing meanwhile may be overwritten"
)
_UP_TO_NOW: Final = "takes in everything up to now: a repetition also marks what came meanwhile"
_UP_TO_AN_ID: Final = f"without an id {_UP_TO_NOW}; with one it is IDEMPOTENT"
_REMOVES: Final = "removes by id; what is gone stays gone"
_MEMBERS: Final = "a set of members: who is in stays in, who is out stays out"
_TEMPLATE: Final = (
    "the portal remembers a template id for 31 days; system messages have none, and whether it covers messages that "
    "are only forwarded is unproven: both are CREATE"
)
_POSTS: Final = "posts every time; the portal knows no key for it"
_STORES: Final = "stores a file every time"
_CURSOR: Final = "forgets events before `offset`; the same offset gives the same events again"

_SAFE: Final = {
    _READS: (
        "app.info event.get method.get profile scope server.time user.current user.get "
        "im.chat.get im.chat.user.list im.counters.get im.department.colleagues.list im.department.employees.get "
        "im.department.get im.department.managers.get im.dialog.messages.search "
        "im.dialog.users.list im.notify.get im.notify.history.search im.notify.schema.get im.recent.get im.recent.list "
        "im.revision.get im.search.chat.list im.search.department.list im.search.last.get im.search.user.list "
        "im.user.get im.user.list.get im.user.status.get im.v2.File.download imbot.v2.Bot.get imbot.v2.Bot.list "
        "imbot.v2.Chat.Message.get imbot.v2.Chat.Message.getContext imbot.v2.Command.list "
        "imbot.v2.File.download imbot.v2.Revision.get"
    ),
    _ASKS: "im.dialog.get im.dialog.messages.get imbot.v2.Chat.User.list imbot.v2.Chat.get",
}
_IDEMPOTENT: Final = {
    "a code names one bot: registering it again answers the bot as it is": "imbot.v2.Bot.register",
    "a name belongs to one command of a bot: registering it again answers the command": "imbot.v2.Command.register",
    "the pair of event and handler is kept once": "event.bind",
    "one subscription a user": "im.v2.Event.subscribe im.v2.Event.unsubscribe",
    "makes the chat's folder once": "im.disk.folder.get",
    _CURSOR: "im.v2.Event.get imbot.v2.Event.get",
    _MEMBERS: (
        "im.chat.leave im.chat.user.add im.chat.user.delete imbot.v2.Chat.Manager.add imbot.v2.Chat.Manager.delete "
        "imbot.v2.Chat.User.add imbot.v2.Chat.User.delete imbot.v2.Chat.leave"
    ),
    _SETS: (
        "im.chat.mute im.chat.setOwner im.chat.updateAvatar im.chat.updateColor im.chat.updateTitle "
        "im.dialog.unread im.dialog.writing im.message.update "
        "im.notify.read.list im.recent.pin im.recent.unread im.search.last.add im.user.status.idle.end "
        "im.user.status.idle.start im.user.status.set imbot.v2.Chat.InputAction.notify "
        "imbot.v2.Chat.Message.Reaction.add imbot.v2.Chat.Message.update "
        "imbot.v2.Chat.TextField.enabled imbot.v2.Chat.setOwner imbot.v2.Chat.update imbot.v2.Command.update"
    ),
    _REMOVES: (
        "event.unbind im.disk.file.delete im.message.delete im.notify.delete im.search.last.delete "
        "imbot.v2.Bot.unregister imbot.v2.Chat.Message.Reaction.delete imbot.v2.Chat.Message.delete "
        "imbot.v2.Command.unregister"
    ),
}
_KEYED: Final = {_TEMPLATE: "im.message.add imbot.v2.Chat.Message.send"}
_CREATE: Final = {
    "always inserts a chat, whatever its entity": "im.chat.add imbot.v2.Chat.add",
    _POSTS: "im.notify im.notify.answer im.notify.personal.add im.notify.system.add imbot.v2.Command.answer",
    _STORES: "im.disk.file.commit im.disk.file.save im.v2.File.upload imbot.v2.File.upload",
    "runs the bot's command every time": "im.message.command",
    "presses a button: another module acts on it": "im.notify.confirm",
    "without an action it turns the like over; with `plus` or `minus` it is IDEMPOTENT": "im.message.like",
    "makes a chat, a task, a post or an event every time": "im.message.share",
    _UP_TO_NOW: "im.dialog.read.all im.notify.read.all",
    _UP_TO_AN_ID: "im.dialog.read im.notify.read imbot.v2.Chat.Message.read",
    "hides again what came back meanwhile, as somebody wrote": "im.recent.hide",
    "with a new token the old one is void, and a repetition is refused; without one it is IDEMPOTENT": (
        "imbot.v2.Bot.update"
    ),
}


def _declared() -> dict[str, Declared]:
    groups = ((Safety.SAFE, _SAFE), (Safety.IDEMPOTENT, _IDEMPOTENT), (Safety.KEYED, _KEYED), (Safety.CREATE, _CREATE))
    return {
        method: Declared(safety, reason)
        for safety, reasons in groups
        for reason, methods in reasons.items()
        for method in methods.split()
    }


SAFETY: Final = MappingProxyType(_declared())
"""Every method this client knows; `batch` takes the riskiest class of its commands."""
