"""Slash commands: what bots let people call them by, and the few that the portal itself understands."""

import re
from typing import TYPE_CHECKING, Final, final

import attrs

if TYPE_CHECKING:
    from bitrix_chat.portal.state import Chat

BUILT_IN: Final = (
    ("me", "Write about yourself in the third person", "text"),
    ("loud", "Write in large letters", "text"),
    ("quiet", "Write in small letters", "text"),
)
"""Name, title and parameters of the portal's own commands."""

# A command stands at the beginning of a line; what follows its name up to the end of the line are its parameters.
_USE: Final = re.compile(r"^/([^ \n]+) ?(.*)$", re.MULTILINE)


@final
@attrs.define
class Command:
    """A command of a bot; its name has no slash, `titles` and `params` are texts by language."""

    id: int
    bot_id: int
    name: str
    titles: dict[str, str] = attrs.field(factory=dict)
    params: dict[str, str] = attrs.field(factory=dict)
    common: bool = False
    hidden: bool = False
    extranet: bool = False

    def is_open_to(self, chat: "Chat", *, extranet: bool) -> bool:
        """Tell whether it can be used in a chat: where its bot is, unless it is common, and by guests if it says so."""
        return (self.common or self.bot_id in chat.members) and (self.extranet or not extranet)


@final
@attrs.frozen
class CommandUse:
    """One use of a command; the context is `textarea`, `keyboard` or `menu`."""

    command: Command
    params: str
    context: str

    def shown(self) -> dict[str, int | str]:
        """Show it as its event does."""
        return {
            "id": self.command.id,
            "command": f"/{self.command.name}",
            "params": self.params,
            "context": self.context,
        }


@final
class Commands:
    """The commands of all bots."""

    def __init__(self) -> None:
        self._by_id: dict[int, Command] = {}
        self._last_id = 0

    def add(self, bot_id: int, name: str) -> Command:
        """Register a command; that its name is free is the caller's affair."""
        self._last_id += 1
        command = self._by_id[self._last_id] = Command(self._last_id, bot_id, name)
        return command

    def of(self, bot_id: int) -> list[Command]:
        """List a bot's commands, oldest first."""
        return [command for command in self._by_id.values() if command.bot_id == bot_id]

    def own(self, bot_id: int, command_id: int) -> Command | None:
        """Find one of a bot's commands."""
        command = self._by_id.get(command_id)
        return command if command is not None and command.bot_id == bot_id else None

    def named(self, bot_id: int, name: str) -> Command | None:
        """Find a bot's command by its name, with or without the slash."""
        wanted = name.removeprefix("/")
        return next((command for command in self.of(bot_id) if command.name == wanted), None)

    def typed(self, text: str, chat: "Chat", *, extranet: bool) -> list[CommandUse]:
        """List the uses in a text: bots may share a name, and each line may begin with a command."""
        if "/" not in text:
            return []
        return [
            CommandUse(command, params, "textarea")
            for name, params in _USE.findall(text)
            for command in self._by_id.values()
            if command.name == name and command.is_open_to(chat, extranet=extranet)
        ]

    def remove(self, command: Command) -> None:
        """Forget a command."""
        del self._by_id[command.id]

    def forget(self, bot_id: int) -> None:
        """Forget the commands of a bot."""
        for command in self.of(bot_id):
            self.remove(command)
