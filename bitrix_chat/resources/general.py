"""Methods that belong to no branch, and the open door to those that have no name here."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from bitrix_chat.converters import CAMEL_ANSWERS, UPPER_ANSWERS, decoder
from bitrix_chat.errors import InvalidParameter
from bitrix_chat.models.app import MethodAvailability
from bitrix_chat.models.user import Profile
from bitrix_chat.resources import arguments
from bitrix_chat.resources.resource import Resource
from bitrix_chat.rest.batch import named, pack
from bitrix_chat.rest.batch_result import BatchDecoder, BatchResult
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.request import Request, Safety
from bitrix_chat.rest.safety import SAFETY
from bitrix_chat.rest.tracebacks import discreet

_profile = decoder(UPPER_ANSWERS, Profile, "profile")
_scopes = decoder(CAMEL_ANSWERS, list[str], "scope")
_time = decoder(CAMEL_ANSWERS, datetime, "server.time")
_availability = decoder(CAMEL_ANSWERS, MethodAvailability, "method.get")
_METHOD: Final = re.compile(r"[A-Za-z]\w*(\.\w+)*(?<!\.json)(?<!\.xml)", re.ASCII | re.IGNORECASE)
_RESERVED: Final = frozenset(
    {"auth", "access_token", "auth_connector", "ap", "aplogin", "token", "state", "sessid", "method"}
)


class ServerResource(Resource):
    """`b24.server`: the portal's server."""

    def time(self) -> Call[datetime]:
        """Get the portal's time, with its time zone. Source: `server.time` (any scope)."""
        return self._camel("server.time", {}, _time)


class MethodResource(Resource):
    """`b24.method`: which methods the portal has."""

    def get(self, name: str) -> Call[MethodAvailability]:
        """Get whether the portal has a method and the caller may call it. Source: `method.get` (any scope)."""
        return self._camel("method.get", {"name": arguments.required_text("name", name)}, _availability)


class GeneralResource(Resource):
    """What `b24` itself offers."""

    def profile(self) -> Call[Profile]:
        """Get whoever the webhook or token acts for. Source: `profile` (any scope)."""
        return self._upper("profile", {}, _profile)

    def scope(self, *, full: bool | None = None) -> Call[list[str]]:
        """Get the scopes of the webhook or token, or with `full` all there are. Source: `scope` (any scope)."""
        return self._camel("scope", {"full": arguments.flag("full", full)}, _scopes)

    @discreet
    def call(self, method: str, params: Mapping[str, Any] | None = None, *, safety: Safety | None = None) -> Call[Any]:
        """Call any REST method by its name and get its raw result.

        Args:
            method: the name in its exact capitals, without `.json`.
            params: parameters under the portal's names, JSON values; None is sent as null.
            safety: what a repetition does, as `SAFETY` has it for the methods of this client; nothing else of
                unknown outcome is repeated unless told otherwise, nor is a message, which gets no template id here.

        Raises:
            InvalidParameter: the name is none, or a parameter is one that the portal keeps for itself.
        """
        if not isinstance(safety, Safety | None):
            raise InvalidParameter(f"`safety` is {type(safety).__name__}, not a Safety such as Safety.SAFE")
        if not isinstance(method, str) or not _METHOD.fullmatch(method):
            raise InvalidParameter(f"{method!r} is no method name such as 'im.chat.add' (without '.json')")
        if not isinstance(params, Mapping | None) or not all(isinstance(name, str) for name in params or ()):
            raise InvalidParameter("`params` is no map from the portal's names to values", method=method)
        reserved = _RESERVED.intersection(params or {})
        if reserved:
            raise InvalidParameter(f"`{min(reserved)}` is a name the portal keeps for itself", method=method)
        return Call(Request(method, dict(params or {}), safety or _known(method)), _as_it_is, self._transport)

    def batch(self, calls: Sequence[Call[Any]] | Mapping[str, Call[Any]], *, halt: bool = False) -> Call[BatchResult]:
        """Send up to 50 calls as one request; the portal runs them in order, one after the other.

        Args:
            calls: in a list, or under names of your own; `ref(call)` in a later one stands for an earlier result.
            halt: stop at the first that fails; the later ones do not run.

        Returns:
            What became of each call: a refused command does not fail its neighbours.

        Raises:
            InvalidParameter: a value that a batch cannot hold, by the parameter's name; call that one alone.

        Source: `batch`.
        """
        if not isinstance(halt, bool):
            raise InvalidParameter(f"`halt` is {type(halt).__name__}, but it is True or False", method="batch")
        commands = named(calls)
        for name, call in commands.items():
            if not call.travels_by(self._transport):
                raise InvalidParameter(
                    f"`{name}` is a call of another client, perhaps of another portal", method="batch"
                )
        request = pack(commands, halt=halt)
        decode = BatchDecoder(commands, halt=halt)
        batch = Call(request, decode, self._transport, draw=lambda _: pack(commands, halt=halt, drawn=decode.requests))
        return decode.carried_by(batch)


def _known(method: str) -> Safety:
    declared = SAFETY.get(method)
    return Safety.CREATE if declared is None or declared.safety is Safety.KEYED else declared.safety


def _as_it_is(raw: Any) -> Any:
    return raw
