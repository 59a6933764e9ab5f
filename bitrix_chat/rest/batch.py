"""Many requests as one `batch`, and its answer taken apart again.

A batch command is a query string in a template language: every value is text, and text that looks like a
reference is replaced. What cannot be said without loss in it is refused here, with the parameter's name.
"""

import enum
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from bitrix_chat.errors import (
    BatchHalted,
    BitrixError,
    InvalidParameter,
    RestError,
    UnexpectedAnswer,
)
from bitrix_chat.outcomes import Outcome
from bitrix_chat.rest.accounting import by_name
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.envelope import rest_error
from bitrix_chat.rest.evidence import unknown_outcome
from bitrix_chat.rest.query import build, leaves
from bitrix_chat.rest.redaction import scrub_error, secrets_in
from bitrix_chat.rest.reference import LOOKALIKE, Reference
from bitrix_chat.rest.request import Request, Response, Safety

MAX_COMMANDS: Final = 50
MAX_LEAVES: Final = 900
"""Values one command may hold; PHP drops silently what goes beyond 1,000 of a request's variables."""

NOT_IN_BATCH: Final = frozenset({"batch", "download", "upload"})
_RISK: Final = (Safety.SAFE, Safety.IDEMPOTENT, Safety.KEYED, Safety.CREATE)
# Arguments of controller methods that the portal checks for their type, so that a failed reference is refused.
_TYPE_CHECKED: Final = frozenset({"dialogId", "messageId", "commandId", "fileId", "userId"})
# Names that PHP reads back as they were: it turns dots and blanks into `_`, and brackets nest.
NAME: Final = re.compile(r"[^ .\[\]\0\ud800-\udfff]+")
KEY: Final = re.compile(r"[^\s\[\]\0\ud800-\udfff][^\[\]\0\ud800-\udfff]*")
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")


def pack(calls: Mapping[str, Call[Any]], *, halt: bool = False, drawn: Mapping[str, Request] | None = None) -> Request:
    """Write calls as one `batch` request.

    Args:
        calls: at most 50 calls by their names in the batch, in the order of execution.
        halt: stop at the first command that fails.
        drawn: what the calls have become as they were claimed, template ids included.

    Raises:
        InvalidParameter: a command cannot be said in a batch; the message names the parameter.
    """
    if not 0 < len(calls) <= MAX_COMMANDS:
        raise InvalidParameter(f"a batch holds 1 to {MAX_COMMANDS} commands, not {len(calls)}", method="batch")
    safety = max((call.request.safety for call in calls.values()), key=_RISK.index)
    names: dict[int, str] = {}
    commands: dict[str, str] = {}
    for name, call in calls.items():
        commands[name] = _command(call.request if drawn is None else drawn[name], names, halt=halt)
        names[id(call)] = name
    return Request("batch", {"halt": int(halt), "cmd": commands}, safety)


def _command(request: Request, names: Mapping[int, str], *, halt: bool) -> str:
    if request.key is not None:
        raise InvalidParameter(
            "`key` is looked up before it is used, which a batch cannot do; call it alone", method=request.method
        )
    if request.method.lower() in NOT_IN_BATCH:
        raise InvalidParameter("cannot be a command of a batch; call it alone", method=request.method)
    params = {
        _kept(request.method, str(name), NAME): _rendered(request.method, name, value, names, halt)
        for name, value in request.params.items()
    }
    if (count := sum(1 for _ in leaves(params))) > MAX_LEAVES:
        raise InvalidParameter(
            f"{count} values are too many for a command of a batch (at most {MAX_LEAVES}); call it alone",
            method=request.method,
        )
    query = build(params)
    return f"{request.method}?{query}" if query else request.method


def _rendered(method: str, path: str, value: Any, names: Mapping[int, str], halt: bool) -> Any:  # noqa: FBT001
    if isinstance(value, Reference):
        return _reference(method, path, value, names, halt=halt)
    if isinstance(value, Mapping) and value:
        return {
            _kept(method, str(key), KEY): _rendered(method, f"{path}.{key}", item, names, halt)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple) and value:
        return [_rendered(method, f"{path}[{index}]", item, names, halt) for index, item in enumerate(value)]
    return _leaf(method, path, value)


def _kept(method: str, name: str, allowed: re.Pattern[str]) -> str:
    if allowed.fullmatch(name):
        return name
    raise InvalidParameter(f"the name {name!r} cannot be sent in a batch: the portal would change it", method=method)


def _leaf(method: str, path: str, value: Any) -> str | int | float:
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, bool):
        if method.lower().startswith(("im.", "imbot.", "imopenlines.")):
            return "Y" if value else "N"
        raise _inexpressible(method, path, "a boolean: write it as the method documents it, 'Y' or 1")
    if isinstance(value, str):
        if LOOKALIKE.search(value):
            raise _inexpressible(method, path, "text that the portal would take for a reference; call it alone")
        if _SURROGATE.search(value):
            raise _inexpressible(method, path, "half of a surrogate pair, which is no Unicode")
        return value
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise _inexpressible(method, path, "null" if value is None else "an empty list, an empty map or no JSON value")


def _inexpressible(method: str, path: str, what: str) -> InvalidParameter:
    return InvalidParameter(f"`{path}` cannot be sent in a batch: it holds {what}", method=method)


def _reference(method: str, path: str, value: Reference, names: Mapping[int, str], *, halt: bool) -> str:
    name = names.get(id(value.call))
    if name is None:
        raise InvalidParameter(f"`{path}` refers to a call that is not earlier in this batch", method=method)
    if path in {"dialogId", "DIALOG_ID"} and (text := value.dialog_id(name)):
        return text
    type_checked = method.startswith(("imbot.v2.", "im.v2.")) and path in _TYPE_CHECKED
    if value.is_beyond_a_number or not (value.is_sure or type_checked):
        raise InvalidParameter(
            f"`{path}` refers to what the earlier answer need not hold, and an id that is missing becomes 1"
            " (a chat's dialog id may be referred to all the same)",
            method=method,
        )
    if not (halt or type_checked):
        raise InvalidParameter(
            f"`{path}` refers to a whole value, which becomes 1 when the earlier command fails: use halt=True",
            method=method,
        )
    return value.whole(name)


def unpack(
    requests: Mapping[str, Request], response: Response, *, halt: bool = False, doubtful: bool = False
) -> Iterator[tuple[str, Response | BitrixError]]:
    """Yield what became of each command in the end, in the order of the requests.

    Args:
        requests: the commands by name.
        response: the answer of the batch.
        halt: the portal was told to stop at the first that fails.
        doubtful: an earlier attempt of the batch may have run: what this one refuses may be done all the same.

    Raises:
        UnexpectedAnswer: the answer is no batch answer; no command's outcome is known.
    """
    failed = False
    for (name, request), answer in zip(requests.items(), answers(requests, response), strict=True):
        if isinstance(answer, Response):
            yield name, answer
        elif halt and failed and isinstance(answer, UnexpectedAnswer):
            yield name, _doubted(request, _halted(request), doubtful=doubtful)
        else:
            failed = failed or isinstance(answer, RestError)
            yield name, _doubted(request, _final(request, answer), doubtful=doubtful)


def answers(requests: Mapping[str, Request], response: Response) -> Iterator[Response | BitrixError]:
    """Yield what the portal says of each command, in the order of the requests, whatever may be repeated of it.

    Raises:
        UnexpectedAnswer: the answer is no batch answer; no command's outcome is known.
    """
    parts = response.result
    if not isinstance(parts, dict):
        raise UnexpectedAnswer("the result is no batch result", method="batch")
    results, errors, times, totals, nexts = (
        by_name(parts.get(f"result{part}")) for part in ("", "_error", "_time", "_total", "_next")
    )
    for name, request in requests.items():
        if name in results:
            yield _success(results[name], times.get(name), totals.get(name), nexts.get(name))
        elif isinstance(errors.get(name), dict):
            yield _refused(request, errors[name])
        else:
            yield UnexpectedAnswer("the batch answer does not mention this command", method=request.method)


def _success(result: Any, time: Any, total: Any, following: Any) -> Response:
    return Response(
        result,
        following if isinstance(following, int) else None,
        total if isinstance(total, int) else None,
        time if isinstance(time, dict) else {},
    )


def _refused(request: Request, content: Mapping[str, Any]) -> BitrixError:
    error = rest_error(request.method, {"error": "", **content})
    scrub_error(error, secrets_in(request.params))
    return error


def _halted(request: Request) -> BitrixError:
    return BatchHalted("an earlier command failed and the batch stopped there", method=request.method)


def _doubted(request: Request, error: BitrixError, *, doubtful: bool) -> BitrixError:
    if not doubtful or request.safety is Safety.SAFE or error.outcome is Outcome.UNKNOWN:
        return error
    return unknown_outcome(error, request.method)


def _final(request: Request, error: BitrixError) -> BitrixError:
    # As for a call that travels alone: a create that may have run is named as such.
    if error.outcome is not Outcome.UNKNOWN or request.repeatable:
        return error
    return unknown_outcome(error, request.method)


def named(calls: Sequence[Call[Any]] | Mapping[str, Call[Any]]) -> dict[str, Call[Any]]:
    """Give each call its name in the batch: the caller's own, or `c0`, `c1` and so on.

    Raises:
        InvalidParameter: what is no call, or a name that would not survive the portal's bracket syntax.
    """
    if not isinstance(calls, Mapping | Sequence) or isinstance(calls, str):
        raise InvalidParameter(f"`calls` is {type(calls).__name__}, not a list or a map of calls", method="batch")
    names = dict(calls) if isinstance(calls, Mapping) else {f"c{index}": call for index, call in enumerate(calls)}
    for name, call in names.items():
        if not isinstance(name, str) or not name.isidentifier():
            raise InvalidParameter(f"a command's name is letters, digits and _, not {name!r}", method="batch")
        if not isinstance(call, Call):
            raise InvalidParameter(f"`{name}` is {type(call).__name__}, not a call of this client", method="batch")
    return names
