"""A job as JSON: where a chat stands written down, and nothing of what it is to be: queues are read by many."""

from collections.abc import Mapping
from typing import Any, Final, Self

from attrs import frozen

from bitrix_chat.jobs.errors import WrongJob, WrongWorker

VERSION: Final = 1
METHODS: Final = {"im.chat.add": False, "imbot.v2.Chat.add": True}
"""The methods that create chats, and whether it is a bot that does."""


@frozen(kw_only=True)
class JobSpec:
    """One chat to create.

    Attributes:
        portal: the portal, as the worker's clients know it: its host, or its `member_id`.
        journal: the name of the journal that holds the chat; which server that is on is the worker's to know.
        method: `im.chat.add` or `imbot.v2.Chat.add`.
        bot: the bot's id, None for a user's chats.
        key: the key of the chat.
    """

    portal: str
    journal: str
    method: str = "im.chat.add"
    bot: int | None = None
    key: str

    def to_dict(self) -> dict[str, Any]:
        """Return what an engine is given: text and numbers, no secret."""
        return {
            "version": VERSION,
            "portal": self.portal,
            "journal": self.journal,
            "method": self.method,
            "bot": self.bot,
            "key": self.key,
        }

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Self:
        """Read what `to_dict` has made; names of which it does not know are a later release's.

        Raises:
            WrongJob: it is something else.
            WrongWorker: a later release has made it, whose workers will understand it.
        """
        if not isinstance(given, Mapping):
            raise WrongJob(f"a job is a map, not {type(given).__name__}")
        _check_version(given.get("version"))
        texts = {name: _text(given, name) for name in ("portal", "journal", "method", "key")}
        bot = given.get("bot")
        if bot is not None and type(bot) is not int:
            raise WrongJob(f"this is no job of bitrix_chat: its `bot` is {type(bot).__name__}, not a number")
        if METHODS.get(texts["method"]) is not (bot is not None):
            raise WrongJob("this is no job of bitrix_chat: its `method` and its `bot` do not go together")
        return cls(bot=bot, **texts)


def _check_version(version: Any) -> None:
    if type(version) is not int or version < 1:
        raise WrongJob("this is no job of bitrix_chat: it has no `version`")
    if version > VERSION:
        raise WrongWorker(f"the job is of version {version}, and this worker knows {VERSION}: it waits for a later one")


def _text(given: Mapping[str, Any], name: str) -> str:
    text = given.get(name)
    if not isinstance(text, str) or not text:
        raise WrongJob(f"this is no job of bitrix_chat: its `{name}` is no text")
    return text
