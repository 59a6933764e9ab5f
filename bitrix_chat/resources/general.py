"""Methods that belong to no branch, and the open door to those that have no name here."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bitrix_chat.converters import UPPER_ANSWERS, decoder
from bitrix_chat.errors import InvalidParameter
from bitrix_chat.models.user import Profile
from bitrix_chat.resources.resource import Resource
from bitrix_chat.rest.batch import named, pack
from bitrix_chat.rest.batch_result import BatchDecoder, BatchResult
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.request import Request, Safety

_profile = decoder(UPPER_ANSWERS, Profile, "profile")
_METHOD: Final = re.compile(r"[A-Za-z]\w*(\.\w+)*(?<!\.json)(?<!\.xml)", re.ASCII | re.IGNORECASE)
_RESERVED: Final = frozenset(
    {"auth", "access_token", "auth_connector", "ap", "aplogin", "token", "state", "sessid", "method"}
)


class GeneralResource(Resource):
    """What `b24` itself offers."""

    def profile(self) -> Call[Profile]:
        """Get whoever the webhook or token acts for. Source: `profile` (any scope)."""
        return self._upper("profile", {}, _profile, Safety.SAFE)

    def call(
        self, method: str, params: Mapping[str, Any] | None = None, *, safety: Safety = Safety.CREATE
    ) -> Call[Any]:
        """Call any REST method by its name and get its raw result.

        Args:
            method: the name in its exact capitals, without `.json`.
            params: parameters under the portal's names, JSON values; None is sent as null.
            safety: what a repetition does; unless told otherwise nothing of unknown outcome is repeated.

        Raises:
            InvalidParameter: the name is none, or a parameter is one that the portal keeps for itself.
        """
        if not isinstance(method, str) or not _METHOD.fullmatch(method):
            raise InvalidParameter(f"{method!r} is no method name such as 'im.chat.add' (without '.json')")
        if not isinstance(params, Mapping | None) or not all(isinstance(name, str) for name in params or ()):
            raise InvalidParameter("`params` is no map from the portal's names to values", method=method)
        reserved = _RESERVED.intersection(params or {})
        if reserved:
            raise InvalidParameter(f"`{min(reserved)}` is a name the portal keeps for itself", method=method)
        return Call(Request(method, dict(params or {}), safety), _as_it_is, self._transport)

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
        commands = named(calls)
        request = pack(commands, halt=halt)
        decode = BatchDecoder(commands, halt=halt)
        return decode.carried_by(Call(request, decode, self._transport))


def _as_it_is(raw: Any) -> Any:
    return raw
