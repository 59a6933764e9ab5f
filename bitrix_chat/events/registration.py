"""`bot.ensure(...)`: a bot, its commands and its events as code declares them, found or made, and told what changed."""

from collections.abc import Iterable
from typing import final

from attrs import define, field, frozen

from bitrix_chat.errors import BotNotFound, BotNotRegistered, InvalidParameter, NotFound, NotSubscribed
from bitrix_chat.events.command_spec import BotChange, CommandSpec
from bitrix_chat.events.desired import DesiredBot
from bitrix_chat.models.bot import Bot, BotInfo
from bitrix_chat.models.command import Command
from bitrix_chat.resources.arguments import Id
from bitrix_chat.resources.im.v2 import EventResource
from bitrix_chat.resources.imbot.bot import BotResource
from bitrix_chat.resources.imbot.command import CommandResource
from bitrix_chat.resources.imbot.handle import BotHandle
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.request import Transport


@frozen(kw_only=True)
class Ensured:
    """A bot that is as it was declared, and what had to be changed for that.

    Attributes:
        bot: the bot as it is now; with the id 0 after a dry run that would register it.
        is_new: no bot had the code before.
        changes: what differed; after a dry run it still does.
        rewritten: what the portal does not tell, and was therefore written again without knowing whether it differed:
            `webhook_url`, and of a command `/help title` where its title is declared in several languages.
    """

    bot: Bot
    is_new: bool = False
    changes: tuple[BotChange, ...] = ()
    rewritten: tuple[str, ...] = ()


async def ensure_bot(
    transport: Transport,
    desired: DesiredBot,
    *,
    bot_id: Id | None = None,
    remove_others: bool = False,
    rewrite: bool = True,
    dry_run: bool = False,
) -> Ensured:
    """Make a bot as it is declared: register it or change what differs, and tell which.

    It reads first and writes only what differs, so that it can be called at every start, by several processes at
    once, and again after a failure: what was done by then is found. What is not declared stays as it is.

    Args:
        transport: the client's.
        desired: the declaration.
        bot_id: the bot, where it is known; it is not registered then. Else it is found by its code.
        remove_others: unregister the bot's commands that are not declared.
        rewrite: write again what the portal does not tell (see `Ensured.rewritten`); with False such a thing is
            written only along with something that differs.
        dry_run: tell, and write nothing.

    Raises:
        InvalidParameter: the declaration is one that the portal would refuse, or contradicts what the bot is for
            ever, its type and code; nothing was written.
        BotNotFound: there is no bot with this id.
        BotNotOwned: the bot is another's, or the token is wrong; nothing was written.
        BotNotRegistered: the portal refuses the registration; there are 100 bots already, for example.
    """
    if bot_id is None and desired.code is None:
        raise InvalidParameter("`code` is needed to find or register a bot")
    task = _Ensuring(transport, desired, bot_id, remove_others=remove_others, rewrite=rewrite, dry_run=dry_run)
    return await task.run()


@final
@define
class _Ensuring:
    transport: Transport
    desired: DesiredBot
    bot_id: Id | None
    remove_others: bool = field(kw_only=True)
    rewrite: bool = field(kw_only=True)
    dry_run: bool = field(kw_only=True)
    is_new: bool = field(default=False, init=False)
    changes: list[BotChange] = field(factory=list, init=False)
    rewritten: list[str] = field(factory=list, init=False)

    async def run(self) -> Ensured:
        self._check()
        found = await self._found()
        if found is None and self.dry_run:
            return self._to_be_registered()
        info = found or await self._registered()
        self._refuse_another(info.bot)
        handle = BotHandle(self.transport, info.bot.id, self.desired.token)
        listed = (await handle.command.list()).commands  # whose bot it is shows here, before anything is changed
        bot = await self._bot_as_declared(info)
        await self._commands_as_declared(handle.command, [each for each in listed if each.bot_id == bot.id])
        await self._subscribe(handle)
        return self._ensured(bot)

    def _ensured(self, bot: Bot) -> Ensured:
        return Ensured(bot=bot, is_new=self.is_new, changes=tuple(self.changes), rewritten=tuple(self.rewritten))

    def _check(self) -> None:
        """Refuse what the portal would, before anything is asked of it."""
        if self.bot_id is None:
            self._registration().close()
        commands = CommandResource(self.transport, {})
        for spec in self.desired.commands:
            _checked(commands, spec)

    def _registration(self) -> Call[BotInfo]:
        desired = self.desired
        declared = {"name": desired.name or "", **desired.declared}
        if desired.background_id is False:
            del declared["background_id"]
        return BotResource(self.transport).register(desired.code or "", token=desired.token, **declared)

    async def _found(self) -> BotInfo | None:
        bots, token = BotResource(self.transport), self.desired.token
        if self.bot_id is not None:
            return await bots.get(self.bot_id, token=token)
        try:
            return await bots.get(code=self.desired.code, token=token)
        except BotNotFound:
            return None

    async def _registered(self) -> BotInfo:
        try:
            info = await self._registration()
        except BotNotRegistered:
            found = await self._found()  # another process may have been quicker
            if found is None:
                raise
            return found
        self.is_new = True
        self.changes += self.desired.as_new()
        return info

    def _refuse_another(self, bot: Bot) -> None:
        for name, is_now in (("code", bot.code), ("type", bot.type)):
            wanted = getattr(self.desired, name)
            if wanted is not None and is_now and wanted != is_now:
                raise InvalidParameter(f"`{name}` is {str(wanted)!r}, but the bot's is {str(is_now)!r} for ever")

    async def _bot_as_declared(self, info: BotInfo) -> Bot:
        changes = self.desired.changes(info)
        untold = ["webhook_url"] if self.desired.webhook_url is not None and not self.is_new else []
        names = self._to_write(changes, untold)
        if not self.is_new:
            self.changes += changes
            self.rewritten += [name for name in names if name in untold]
        if not names or self.dry_run:
            return info.bot
        declared = {name: value for name, value in self.desired.declared.items() if name in names}
        updated = await BotResource(self.transport).update(info.bot.id, token=self.desired.token, **declared)
        return updated.bot

    def _to_write(self, changes: Iterable[BotChange], untold: Iterable[str]) -> list[str]:
        names = [change.field for change in changes]
        return [*names, *(name for name in untold if name not in names)] if names or self.rewrite else []

    async def _commands_as_declared(self, commands: CommandResource, listed: Iterable[Command]) -> None:
        others = {command.command.removeprefix("/"): command for command in listed}
        for spec in self.desired.commands:
            known = others.pop(spec.command, None)
            if known is None:
                self.changes.append(_added(spec))
                await self._add(commands, spec)
            else:
                await self._change(commands, spec, known)
        for other in others.values() if self.remove_others else ():
            await self._remove(commands, other)

    async def _add(self, commands: CommandResource, spec: CommandSpec) -> None:
        if self.dry_run:
            return
        command = (await commands.register(spec.command, **spec.declared)).command
        flags = {name: spec.declared.get(name) for name in ("common", "hidden", "extranet_support")}
        # A command that the list left out is answered as it is.
        if any(wanted is not None and getattr(command, name) != wanted for name, wanted in flags.items()):
            await commands.update(_id(command), **spec.declared)

    async def _change(self, commands: CommandResource, spec: CommandSpec, known: Command) -> None:
        changes, untold = spec.changes(known), spec.untold(known)
        names = self._to_write(changes, untold)
        self.changes += changes
        changed = {change.field for change in changes}
        self.rewritten += [f"{spec.slashed} {name}" for name in names if name not in changed]
        if not names or self.dry_run:
            return
        try:
            await commands.update(_id(known), **{name: spec.declared[name] for name in names})
        except NotFound:
            await commands.register(spec.command, **spec.declared)  # another process has removed it meanwhile

    async def _remove(self, commands: CommandResource, other: Command) -> None:
        self.changes.append(BotChange(field="command", before=other.command, after=None, command=other.command))
        if self.dry_run:
            return
        try:
            await commands.unregister(_id(other))
        except NotFound:
            return  # another process was quicker

    async def _subscribe(self, handle: BotHandle) -> None:
        if not self.desired.with_user_events:
            return
        try:
            await handle.event.get(limit=1, with_user_events=True)
        except NotSubscribed:
            self.changes.append(BotChange(field="with_user_events", before=False, after=True))
            if not self.dry_run:
                await EventResource(self.transport).subscribe()

    def _to_be_registered(self) -> Ensured:
        self.is_new = True
        self.changes += self.desired.as_new()
        self.changes += [_added(spec) for spec in self.desired.commands]
        return self._ensured(Bot(id=0, code=self.desired.code or ""))


def _added(spec: CommandSpec) -> BotChange:
    return BotChange(field="command", before=None, after=spec.slashed, command=spec.slashed)


def _checked(commands: CommandResource, spec: CommandSpec) -> None:
    try:
        commands.register(spec.command, **spec.declared).close()
    except InvalidParameter as fault:
        raise InvalidParameter(f"command {spec.slashed}: {fault.description}") from None


def _id(command: Command) -> int:
    if isinstance(command.id, int):
        return command.id
    raise InvalidParameter(f"the portal tells no number for the command {command.command}")
