"""The method table: which names exist, and in which capitals.

Legacy names are stored in lower case and looked up so first: any capitals do. A controller's name
leads to a PHP class and its file, so its middle segments (`Chat`, `Chat.Message`) must be exact,
while the module in front and the action at the end may be in any.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, final

import attrs

from bitrix_chat.portal.php import PhpValue
from bitrix_chat.portal.refusal import Refusal, method_not_found
from bitrix_chat.portal.state import PortalState

_CONTROLLER_MODULES: Final = frozenset({"imbot.v2", "im.v2"})


@final
@attrs.frozen(kw_only=True)
class Caller:
    """Who calls: the user of a webhook or of an access token, what it may do, and how it got in."""

    transport: str
    credential: str = attrs.field(repr=False)
    user_id: int
    scopes: frozenset[str]
    client_id: str = ""
    path: str = attrs.field(default="/rest/", repr=False)
    access_token: str = attrs.field(default="", repr=False)

    @property
    def via_webhook(self) -> bool:
        """Whether the call came over an incoming webhook, which stands for no application."""
        return self.transport == "webhook"


@final
@attrs.frozen(kw_only=True)
class Invocation:
    """One call of one method, as its handler sees it; a fault may let it linger for some seconds."""

    state: PortalState
    caller: Caller
    params: dict[str, PhpValue] = attrs.field(repr=False)
    methods: "MethodTable" = attrs.field(repr=False)
    lingers: float = 0.0


Handler = Callable[[Invocation], Any]


@final
@attrs.frozen
class Method:
    """A method of the table; without a scope everybody may call it."""

    name: str
    scope: str | None
    handler: Handler

    def is_open_to(self, caller: Caller) -> bool:
        """Tell whether the caller has the method's scope."""
        return self.scope is None or self.scope in caller.scopes


@final
class MethodTable:
    """Handlers by method name."""

    def __init__(self) -> None:
        self._methods: dict[str, Method] = {}
        self._controllers: set[str] = set()

    def add(self, name: str, scope: str | None) -> Callable[[Handler], Handler]:
        """Register the decorated handler under the documented spelling of its name."""

        def register(handler: Handler) -> Handler:
            self._insert(Method(name, scope, handler))
            return handler

        return register

    def _insert(self, method: Method) -> None:
        controller = _controller(method.name)
        if controller is None:
            self._methods[method.name.lower()] = method
        else:
            self._controllers.add(controller)
            self._methods[_controller_key(method.name)] = method

    def extend(self, other: "MethodTable") -> None:
        """Take over the methods of another table."""
        for method in other:
            self._insert(method)

    def __iter__(self) -> Iterator[Method]:
        return iter(self._methods.values())

    def names(self) -> list[str]:
        """List the documented spellings."""
        return sorted(method.name for method in self)

    def get(self, name: str) -> Method | None:
        """Look a described method up."""
        return self._methods.get(name.lower()) or self._methods.get(_controller_key(name))

    def find(self, name: str) -> Method:
        """Look a name up, in lower case first and then as it was written.

        An unknown action of a known controller is found: only its call says what is wrong.

        Raises:
            Refusal: ERROR_METHOD_NOT_FOUND.
        """
        found = self.get(name)
        if found is not None:
            return found
        controller = _controller(name)
        if controller in self._controllers:
            return Method(name, controller.partition(".")[0], _undescribed(name))
        raise method_not_found()


def _controller(name: str) -> str | None:
    """Return module and controller of a V2 name, the module in lower case; None for a legacy name."""
    head, _, action = name.rpartition(".")
    module = ".".join(head.split(".")[:2]).lower()
    if not action or module not in _CONTROLLER_MODULES:
        return None
    return module + head[len(module) :]


def _controller_key(name: str) -> str:
    return f"{_controller(name)}.{name.rpartition('.')[2].lower()}"


def _undescribed(name: str) -> Handler:
    def refuse(_: Invocation) -> None:
        controller, action = name.rsplit(".", 1)
        raise Refusal("22002", f"Could not find description of {action} in {controller}")

    return refuse
