"""What a client and a bot's handle have at run time: branches, and the methods that make calls."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final, get_args, get_origin, get_type_hints

from attrs import frozen

from bitrix_chat import BitrixChat, Call
from bitrix_chat.cli.rehearsal import rehearsing_client
from bitrix_chat.models.file import DownloadLink
from bitrix_chat.resources.general import GeneralResource
from bitrix_chat.resources.imbot import BotHandle
from bitrix_chat.resources.resource import Resource

BOT: Final = "bot"
"""The branch of one bot, for which the command line asks in every command."""
_NO_COMMANDS: Final = frozenset({"batch", "bulk", "call", "resume"})
"""`batch` takes calls, which are no text; the others are commands of their own."""


@frozen
class Method:
    """A method that makes a call.

    Attributes:
        path: the attributes that lead to it, from the client or from a bot's handle.
        function: where its signature and docstring stand.
        is_of_bot: whether the path begins at a bot's handle.
        is_download: whether it answers the link to a file, which its branch can also save.
    """

    path: tuple[str, ...]
    function: Callable[..., Any]
    is_of_bot: bool
    is_download: bool

    def on(self, root: Any) -> Callable[..., Any]:
        """Return the method of this client or handle."""
        found: Callable[..., Any] = functools.reduce(getattr, self.path, root)
        return found

    def branch_on(self, root: Any) -> Any:
        """Return the branch that it hangs on."""
        return functools.reduce(getattr, self.path[:-1], root)


@frozen
class Node:
    """A word of the command line: a method, a branch, or both in one."""

    name: str
    path: tuple[str, ...]
    kind: type
    method: Method | None
    children: Mapping[str, "Node"]


def root(name: str) -> Node | None:
    """Return what stands first on a command line under this name; None if the client has no such thing."""
    b24 = rehearsing_client()
    if name == BOT:
        return Node(BOT, (), BotHandle, None, _children(b24.bot(1), (), is_of_bot=True))
    return _node(b24, (name,), is_of_bot=False) if name in _names(b24) else None


def _names(owner: object) -> list[str]:
    return [name for name in dir(owner) if not name.startswith("_") and name not in _NO_COMMANDS]


def _children(owner: object, path: tuple[str, ...], *, is_of_bot: bool) -> dict[str, Node]:
    nodes = {name: _node(owner, (*path, name), is_of_bot=is_of_bot) for name in _names(owner)}
    return {name: node for name, node in nodes.items() if node is not None}


def _node(owner: object, path: tuple[str, ...], *, is_of_bot: bool) -> Node | None:
    member = getattr(owner, path[-1])
    method = _method(owner, member, path, is_of_bot=is_of_bot)
    is_branch = isinstance(member, Resource)
    children = _children(member, path, is_of_bot=is_of_bot) if is_branch else {}
    if method is None and not children:
        return None
    return Node(path[-1], path, type(member), method, children)


def _method(owner: object, member: Any, path: tuple[str, ...], *, is_of_bot: bool) -> Method | None:
    function = _documented(owner, member)
    answer = None if function is None else get_type_hints(function).get("return")
    if function is None or get_origin(answer) is not Call:
        return None
    return Method(path, function, is_of_bot, is_download=get_args(answer) == (DownloadLink,))


def _documented(owner: object, member: Any) -> Callable[..., Any] | None:
    if isinstance(member, Resource):
        member = getattr(member, "__call__", None)  # noqa: B004  # it is the method
    elif isinstance(owner, BitrixChat):
        # The client passes on to it, and its annotations can be resolved without a type checker.
        member = getattr(GeneralResource, getattr(member, "__name__", ""), None)
    return member if inspect.isroutine(member) else None
