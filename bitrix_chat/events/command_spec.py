"""What code declares of a slash command, and how a difference from what the portal has is told."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from attrs import field, frozen

from bitrix_chat.models.command import Command
from bitrix_chat.resources import arguments


@frozen(kw_only=True)
class BotChange:
    """One difference between what was declared and what the portal had.

    Attributes:
        field: what differs, by its name in the declaration; `command` for one that was added or removed.
        before: what the portal had, None for nothing.
        after: what was declared, None for nothing.
        command: whose field it is, with its slash; None for one of the bot's own.
    """

    field: str
    before: Any
    after: Any
    command: str | None = None

    def __str__(self) -> str:
        of = f"{self.command} " if self.command and self.field != "command" else ""
        return f"{of}{self.field}: {_shown(self.before)} -> {_shown(self.after)}"


def _shown(value: Any) -> str:
    return "nothing" if value is None else repr(str(value) if isinstance(value, str) else value)


def _bare(command: str) -> str:
    return arguments.required_text("command", (arguments.text("command", command) or "").strip().removeprefix("/"))


def _texts(texts: Mapping[str, str] | None) -> Mapping[str, str] | None:
    return MappingProxyType(dict(texts)) if isinstance(texts, Mapping) else texts


@frozen
class CommandSpec:
    """A slash command as code declares it; what is not given stays as the portal has it.

    The portal tells texts in the caller's language only, and does not tell `hidden` at all: what it does not tell is
    written again each time (see `Ensured.rewritten`). A text that it has in a language that is not declared stays.

    Attributes:
        command: its name, with or without the slash.
        title: what it does, by language code; needed unless it is hidden.
        params: what may follow it, by language code.
        common: works in every chat, not only where the bot is.
        hidden: not in the list that users see.
        extranet_support: guests may use it.
    """

    command: str = field(converter=_bare)
    title: Mapping[str, str] | None = field(default=None, converter=_texts, kw_only=True)
    params: Mapping[str, str] | None = field(default=None, converter=_texts, kw_only=True)
    common: bool | None = field(default=None, kw_only=True)
    hidden: bool | None = field(default=None, kw_only=True)
    extranet_support: bool | None = field(default=None, kw_only=True)

    @property
    def slashed(self) -> str:
        """The name as users type it."""
        return f"/{self.command}"

    @property
    def declared(self) -> dict[str, Any]:
        """What is declared besides the name."""
        given = {name: getattr(self, name) for name in ("title", "params", "common", "hidden", "extranet_support")}
        return {
            name: dict(value) if isinstance(value, Mapping) else value
            for name, value in given.items()
            if value is not None
        }

    def changes(self, listed: Command) -> list[BotChange]:
        """Tell what of the declaration the list of commands contradicts."""
        before = {name: getattr(listed, name) for name in self.declared}
        if self.hidden and not listed.hidden:
            del before["hidden"]  # the list of most portals leaves it out
        return [
            BotChange(field=name, before=before[name], after=self.declared[name], command=self.slashed)
            for name in before
            if not _is_told(self.declared[name], before[name])
        ]

    def untold(self, listed: Command) -> list[str]:
        """Name what of the declaration the list of commands does not tell."""
        languages = [name for name in ("title", "params") if len(self.declared.get(name, ())) > 1]
        is_told = self.hidden is None or listed.hidden
        return languages if is_told else [*languages, "hidden"]


def _is_told(declared: Any, told: Any) -> bool:
    return told in declared.values() if isinstance(declared, Mapping) else bool(told == declared)
