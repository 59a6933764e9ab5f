"""What code declares of its bot, as a value to compare with what the portal has."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

from attrs import field, fields, frozen

from bitrix_chat.enums import Background, BotType, Color, EventMode, Gender
from bitrix_chat.errors import InvalidParameter
from bitrix_chat.events.command_spec import BotChange, CommandSpec
from bitrix_chat.models.avatar import Avatar, encode_avatar
from bitrix_chat.models.bot import Bot, BotInfo
from bitrix_chat.models.user import User
from bitrix_chat.resources import arguments
from bitrix_chat.rest.secret import concealed_if_given
from bitrix_chat.rest.tracebacks import discreetly_made

_HIDDEN_VALUES: Final = {"webhook_url": "***", "avatar": "an image"}
"""Fields whose values no report repeats: an address may hold a secret, and an image is long."""


def _command_specs(commands: Iterable[CommandSpec]) -> tuple[CommandSpec, ...]:
    specs = tuple(commands)
    seen: set[str] = set()
    for spec in specs:
        if not isinstance(spec, CommandSpec):
            raise InvalidParameter(f"`commands` holds {type(spec).__name__}, not CommandSpec(...)")
        if spec.command in seen:
            raise InvalidParameter(f"`commands` has {spec.slashed} twice")
        seen.add(spec.command)
    return specs


def _name(name: str | None) -> str | None:
    return None if name is None else arguments.required_text("name", name).strip()


def _text(text: str | None) -> str | None:
    return text.strip() if isinstance(text, str) else text


def _color(color: Color | str | None) -> Color | None:
    return arguments.color("color", color)


def _gender(gender: Gender | str | None) -> Gender | None:
    return arguments.choice("gender", Gender, gender)


def _type(kind: BotType | str | None) -> BotType | None:
    return arguments.choice("type", BotType, kind)


def _event_mode(mode: EventMode | str | None) -> EventMode | None:
    return arguments.choice("event_mode", EventMode, mode)


def _background(background: Background | str | Literal[False] | None) -> Background | Literal[False] | None:
    return background if background is False else arguments.choice("background_id", Background, background)


def _avatar(avatar: Avatar | None) -> str | None:
    return None if avatar is None else encode_avatar(avatar)


@discreetly_made
@frozen(kw_only=True)
class DesiredBot:
    """A bot as code declares it; what is not given stays as the portal has it.

    Attributes:
        code: names the bot for ever; needed to register it, not to change one that is known by its id.
        name: what users see; needed to register it.
        token: the secret that the bot is registered with; needed with a webhook, not with OAuth.
        last_name: what users see after the name.
        work_position: shown below the name.
        color: of the bot's avatar where it has none.
        gender: `M` or `F`.
        avatar: an image for a bot that has none; the portal tells an address, not whether it is the same image.
        type: for ever; one that differs is refused.
        event_mode: `fetch` or `webhook`.
        webhook_url: where the portal posts events to; it never tells it, so that it is written again each time.
        is_hidden: not listed among the portal's bots.
        is_reactions_enabled: receives reactions to its messages.
        is_support_openline: takes part in open lines.
        background_id: of its private chats; False for none.
        commands: its slash commands.
        with_user_events: the caller's own events are recorded too, for `with_user_events` of the stream; False leaves
            a subscription alone, which other bots of the same caller may need.
    """

    code: str | None = None
    name: str | None = field(default=None, converter=_name)
    token: str | None = field(default=None, converter=concealed_if_given, repr=False)
    last_name: str | None = field(default=None, converter=_text)
    work_position: str | None = field(default=None, converter=_text)
    color: Color | None = field(default=None, converter=_color)
    gender: Gender | None = field(default=None, converter=_gender)
    avatar: str | None = field(default=None, converter=_avatar, repr=False)
    type: BotType | None = field(default=None, converter=_type)
    event_mode: EventMode | None = field(default=None, converter=_event_mode)
    webhook_url: str | None = field(default=None, converter=concealed_if_given, repr=False)
    is_hidden: bool | None = None
    is_reactions_enabled: bool | None = None
    is_support_openline: bool | None = None
    background_id: Background | Literal[False] | None = field(default=None, converter=_background)
    commands: tuple[CommandSpec, ...] = field(default=(), converter=_command_specs)
    with_user_events: bool = False

    @property
    def declared(self) -> dict[str, Any]:
        """What is declared of the bot itself, besides its code, its token and its commands."""
        names = (each.name for each in fields(DesiredBot) if each.name not in _NOT_OF_THE_BOT)
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    def changes(self, info: BotInfo) -> list[BotChange]:
        """Tell what of the declaration the bot contradicts."""
        user = next((user for user in info.users if user.id == info.bot.id), User(id=info.bot.id))
        told = {name: read(info.bot, user) for name, read in _TOLD.items() if name in self.declared}
        changes = [
            BotChange(field=name, before=before, after=after)
            for name, before in told.items()
            if (after := _kept(name, self.declared[name])) != before
        ]
        return [*changes, _given("avatar")] if self.avatar is not None and not user.avatar else changes

    def as_new(self) -> list[BotChange]:
        """Tell what a registration writes."""
        kept = {name: _kept(name, value) for name, value in {"code": self.code, **self.declared}.items()}
        return [
            _given(name) if name in _HIDDEN_VALUES else BotChange(field=name, before=None, after=value)
            for name, value in kept.items()
            if value is not None
        ]


_NOT_OF_THE_BOT: Final = frozenset({"code", "token", "commands", "with_user_events"})


def _kept(name: str, declared: Any) -> Any:
    # False says that there is to be no background, which the portal tells as null.
    return None if name == "background_id" and declared is False else declared


def _given(name: str) -> BotChange:
    return BotChange(field=name, before=None, after=_HIDDEN_VALUES[name])


def _color_of(user: User) -> Color | str | None:
    return (Color.of(user.color) or user.color) if user.color else None


_TOLD: Final[Mapping[str, Callable[[Bot, User], Any]]] = MappingProxyType(
    {
        # Short forms of a user have the whole name alone.
        "name": lambda _, user: user.first_name or user.name,
        "last_name": lambda _, user: user.last_name,
        "work_position": lambda _, user: user.work_position,
        "color": lambda _, user: _color_of(user),
        "gender": lambda _, user: user.gender,
        "event_mode": lambda bot, _: bot.event_mode,
        "is_hidden": lambda bot, _: bot.is_hidden,
        "is_reactions_enabled": lambda bot, _: bot.is_reactions_enabled,
        "is_support_openline": lambda bot, _: bot.is_support_openline,
        "background_id": lambda bot, _: bot.background_id,
    }
)
"""Where the portal tells what was declared; it tells nothing of `webhook_url`."""
