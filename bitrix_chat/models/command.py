"""Commands of bots as the portal keeps them."""

from typing import Any

from attrs import field, frozen


def _id(raw: Any) -> int | str | None:
    # The portal's own commands have names for ids, or none.
    if isinstance(raw, str) and raw.isdecimal():
        return int(raw)
    return raw if raw and type(raw) in (int, str) else None


@frozen(kw_only=True)
class Command:
    """A slash command; only a list tells the texts, in the caller's language.

    Attributes:
        id: a number for a bot's command; a word or None for one that the portal brings along.
        command: with its slash, `/help`.
        common: works in every chat, the bot's or not.
        hidden: not in the list that users see.
        extranet_support: guests may use it.
        title: what it does.
        params: what may follow it.
        category: the heading that users see it under, such as the bot's name.
        context: where it works; empty for everywhere.
    """

    id: int | str | None = field(default=None, metadata={"read": _id})
    bot_id: int | None = None
    command: str = ""
    common: bool = False
    hidden: bool = False
    extranet_support: bool = False
    title: str = ""
    params: str = ""
    category: str = ""
    context: str = ""


@frozen(kw_only=True)
class CommandInfo:
    """A command (`imbot.v2.Command.register`, `imbot.v2.Command.update`)."""

    command: Command


@frozen(kw_only=True)
class CommandList:
    """A bot's commands (`imbot.v2.Command.list`)."""

    commands: list[Command] = field(factory=list)
