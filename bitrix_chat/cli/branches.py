"""The branches of the client as words of the command line, each made only when it is asked for."""

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cyclopts import App

BRANCHES: Final[Mapping[str, str]] = {
    "app": "The application: `app.info`.",
    "bot": "What one bot does: `imbot.v2.Chat`, `Command`, `Event` and `File`.",
    "event": "Handlers of an application's events: the methods `event`.",
    "im": "Chats, messages, people and notifications: the methods `im` and `im.v2`.",
    "imbot": "Registering bots and looking them up: `imbot.v2.Bot` and `Revision`.",
    "method": "What the portal can do: `method.get`.",
    "profile": "Get whoever the webhook or token acts for.",
    "scope": "Get the scopes of the webhook or token.",
    "server": "The portal's server: `server.time`.",
    "user": "The portal's users: `user.current` and `user.get`.",
}
"""What the program's help says of them; it is there before anything else is imported."""


@functools.cache
def find(word: str) -> "App | None":
    """Return the branch of this name, also one that is not listed above; None if the client has none."""
    from bitrix_chat.cli.methods import branch  # noqa: PLC0415  # imports the client and what the branch is made of

    return branch(word)
