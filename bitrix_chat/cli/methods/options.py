"""The options of a method: one for each of its parameters, under the names that people look for."""

import inspect
import os
from collections.abc import Iterable, Mapping
from types import NoneType
from typing import Annotated, Any, Final, get_args, get_type_hints

from attrs import evolve, frozen
from cyclopts import Parameter

from bitrix_chat import Entity, InvalidParameter
from bitrix_chat.cli.methods.documentation import Documentation, kebab, option_help, said_by_name
from bitrix_chat.cli.methods.kinds import Kind, kind_of, secret
from bitrix_chat.cli.methods.tree import BOT, Method
from bitrix_chat.cli.secrets import is_secret_option

_TAKEN: Final = frozenset({"url", "token", "timeout", "plan", "dry_run", "out"})
"""Names of the connection and of the command itself; a parameter of such a name gets its branch's before it."""
_IDS: Final = "_ids"
_BOT_TOKEN: Final = "--bot-token"  # noqa: S105  # an option's name
_BOT_TOKEN_VARIABLE: Final = "BITRIX24_BOT_TOKEN"  # noqa: S105  # a variable's name
_TEXT: Final = kind_of(str)


@frozen
class Option:
    """An option of a command.

    Attributes:
        name: what the command calls it.
        flags: how it is written, other spellings last.
        kind: how its value is written.
        default: what the method takes without it; `inspect.Parameter.empty` if it has to be given.
        said: what the docstring says of it.
    """

    name: str
    flags: tuple[str, ...]
    kind: Kind
    default: Any
    said: str

    @property
    def flag(self) -> str:
        """How it is written first."""
        return self.flags[0]

    def parameter(self, options: Mapping[str, str]) -> inspect.Parameter:
        """Return the parameter that cyclopts makes it of."""
        settings = Parameter(
            name=self.flags,
            help=option_help(self.said, self.kind.says, options, is_file=self.kind.is_file),
            negative=self.negative or (),
            allow_leading_hyphen=self.kind.is_text,
            consume_multiple=1 if self.kind.is_many else None,
        )
        hint = self.kind.hint if self.default is inspect.Parameter.empty else self.kind.hint | None
        return inspect.Parameter(
            self.name, inspect.Parameter.KEYWORD_ONLY, default=self.default, annotation=Annotated[hint, settings]
        )

    @property
    def negative(self) -> str | None:
        """How a flag is written that says no; without it, one that is off by default is off."""
        return f"--no-{self.flag.removeprefix('--')}" if self.kind.is_flag and self.default is not False else None

    def read(self, value: Any) -> Any:
        """Return the library's value of what was written, or of the environment; None for nothing."""
        if self.kind.variable and not value:
            return os.environ.get(self.kind.variable) or None
        return None if value is None else self.kind.read(self.flag, value)


OF_BOT: Final = (
    Option("bot_id", ("--bot-id",), kind_of(int), inspect.Parameter.empty, "the bot's id"),
    Option(
        "token",
        (_BOT_TOKEN,),
        secret(_BOT_TOKEN_VARIABLE),
        None,
        "the token that the bot was registered with; needed with a webhook, not with OAuth",
    ),
)
"""What every command of a bot takes."""


@frozen
class Options:
    """All options of a method, and what its parameters are called in its own errors and docstring."""

    listed: tuple[Option, ...]
    entities: tuple[str, ...]

    @property
    def by_parameter(self) -> dict[str, str]:
        """Return what to write in place of a parameter's name."""
        named = {option.name: option.flag for option in self.listed}
        pairs = {f"{name}.{part}": f"--{kebab(name)}-{part}" for name in self.entities for part in ("type", "id")}
        both = {name: f"--{kebab(name)}-type" for name in self.entities}
        return named | pairs | both

    def read(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments that a command line gives.

        Raises:
            InvalidParameter: a value is none of its kind; the message names the option and not the value.
        """
        spellings = {f"--{kebab(name)}" for name in _TAKEN}
        spellings |= {spelling for option in self.listed for spelling in (*option.flags, option.negative) if spelling}
        for option in self.listed:
            # A text may begin with a hyphen, so a forgotten one would swallow what follows.
            if isinstance(value := given.get(option.name), str) and value in spellings:
                raise InvalidParameter(f"{option.flag} needs a value, but an option follows")
        read = {option.name: option.read(given.get(option.name)) for option in self.listed}
        return _with_entities({name: value for name, value in read.items() if value is not None}, self.entities)


def options_of(method: Method, documentation: Documentation) -> Options:
    """Make the options of a method from its signature."""
    hints = get_type_hints(method.function)
    parameters = [found for name, found in inspect.signature(method.function).parameters.items() if name != "self"]
    listed = list(OF_BOT) if method.is_of_bot else []
    entities = [parameter.name for parameter in parameters if _is_entity(hints[parameter.name])]
    for parameter in parameters:
        said = documentation.arguments.get(parameter.name, "")
        if parameter.name in entities:
            listed += _entity_options(parameter, said)
        else:
            listed.append(_option(method, parameter, hints[parameter.name], said))
    return Options(tuple(_without_twins(listed)), tuple(entities))


def _option(method: Method, parameter: inspect.Parameter, hint: Any, said: str) -> Option:
    flags = tuple(_flags(method, parameter.name))
    kind = kind_of(hint)
    if is_secret_option(parameter.name):
        kind = secret(_BOT_TOKEN_VARIABLE if _BOT_TOKEN in flags else "")
    return Option(
        parameter.name, flags, kind, parameter.default, said or ("" if kind.says else said_by_name(parameter.name))
    )


def _flags(method: Method, name: str) -> Iterable[str]:
    word = kebab(name)
    if name in _TAKEN:
        branch = (BOT, *method.path)[-2]
        word = f"{kebab(branch)}-{word}"
    yield f"--{word}"
    if name.endswith(_IDS):
        yield f"--{kebab(name.removesuffix(_IDS))}s"


def _without_twins(options: Iterable[Option]) -> Iterable[Option]:
    """Leave out second spellings that are the first of another option."""
    options = list(options)
    first = {option.flag for option in options}
    for option in options:
        spellings = (option.flag, *(spelling for spelling in option.flags[1:] if spelling not in first))
        yield evolve(option, flags=spellings)


def _is_entity(hint: Any) -> bool:
    return {Entity} == {part for part in (get_args(hint) or (hint,)) if part is not NoneType}


def _entity_options(parameter: inspect.Parameter, said: str) -> list[Option]:
    name = parameter.name
    kind = said or "the kind of entity, in words of your own"
    other = f"its id among its kind; needs --{kebab(name)}-type"
    return [
        Option(f"{name}_type", (f"--{kebab(name)}-type",), _TEXT, parameter.default, kind),
        Option(f"{name}_id", (f"--{kebab(name)}-id",), _TEXT, parameter.default, other),
    ]


def _with_entities(read: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    for name in names:
        kind, of_id = read.pop(f"{name}_type", None), read.pop(f"{name}_id", None)
        if (kind is None) != (of_id is None):
            raise InvalidParameter(f"--{kebab(name)}-type and --{kebab(name)}-id need each other")
        if kind is not None:
            read[name] = Entity(kind, of_id)
    return read
