"""What a request makes the portal run, and what its answer says of the time: a batch counted by its commands."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from bitrix_chat.rest.request import Request, Response

_SHORTEST: Final = 1e-6
_LONGEST: Final = 3600.0


def is_batch(request: Request) -> bool:
    """Whether a request holds commands."""
    method = request.method
    return len(method) == 5 and method.lower() == "batch"


def work_of(request: Request) -> dict[str, int]:
    """Return which methods a request makes the portal run, and how often each.

    A batch is work of its own too: some portals count the time of its commands for `batch`, others for each method.
    """
    if not is_batch(request):
        return {request.method: 1}
    return {"batch": 1, **Counter(_commands(request).values())}


def times_of(request: Request, response: Response) -> Iterator[tuple[str, Any]]:
    """Yield each method that ran with its own `time` object, inside a batch too."""
    if not is_batch(request):
        yield request.method, response.raw_time
        return
    yield "batch", response.raw_time
    result = response.result if isinstance(response.result, dict) else {}
    commands = _commands(request)
    for name, time in by_name(result.get("result_time")).items():
        if name in commands:
            yield commands[name], time


def refused_for_time(request: Request, response: Response) -> Iterator[str]:
    """Yield the methods whose commands met the operating limit inside a batch."""
    if is_batch(request) and isinstance(response.result, dict):
        errors = by_name(response.result.get("result_error"))
        commands = _commands(request) if errors else {}
        for name, error in errors.items():
            if name in commands and isinstance(error, dict) and error.get("error") == "OPERATION_TIME_LIMIT":
                yield commands[name]


def duration_of(time: Mapping[str, Any]) -> float:
    """Return the seconds that a call took the portal; 0 where it does not say, or what cannot be."""
    duration = time.get("duration")
    return float(duration) if isinstance(duration, int | float) and _SHORTEST < duration < _LONGEST else 0.0


def is_in_progress(request: Request, response: Response) -> bool:
    """Whether a message in a batch is still being sent by an earlier attempt."""
    if not is_batch(request) or not isinstance(response.result, dict):
        return False
    errors = by_name(response.result.get("result_error")).values()
    return any(isinstance(error, dict) and error.get("error") == "MESSAGE_DUPLICATED_BY_UUID" for error in errors)


def by_name(part: Any) -> dict[str, Any]:
    """Read a map of a batch answer by its commands' names."""
    # PHP writes a map as a list when its keys are 0..n-1, and an empty one always.
    if isinstance(part, list):
        return {str(index): item for index, item in enumerate(part)}
    return part if isinstance(part, dict) else {}


def _commands(request: Request) -> dict[str, str]:
    # A caller's own `batch` may hold whatever the portal takes: a map or a list, in either spelling.
    written = request.params.get("cmd", request.params.get("CMD"))
    if not isinstance(written, dict | list):
        return {}
    named_commands = by_name(written)
    return {str(name): str(command).partition("?")[0] for name, command in named_commands.items()}
