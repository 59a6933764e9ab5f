"""What came back, judged: a `Response`, or the error whose outcome the evidence supports.

The code decides before the HTTP status: portals answer refusals with several statuses, and even with 200.
"""

import json
from codecs import BOM_UTF8
from collections.abc import Mapping
from typing import Any, Final

from bitrix_chat.error_codes import error_class
from bitrix_chat.errors import BitrixError, RestError, UnexpectedAnswer
from bitrix_chat.outcomes import Outcome
from bitrix_chat.rest.request import Response

_LONGEST_CODE: Final = 64
_decode: Final = json.JSONDecoder().decode


def open_envelope(method: str, status: int, body: bytes) -> Response:
    """Return the answer in `body`.

    Raises:
        RestError: the portal answered with an error.
        UnexpectedAnswer: there is no Bitrix24 answer in it, so the outcome is unknown.
    """
    content = _parse(body)
    if isinstance(content, dict):
        if _is_error(content.get("error")):
            raise rest_error(method, content, status)
        if "result" in content and status < 300:
            return _response(content)
    raise _unexpected(method, status, content, body)


def rest_error(method: str, content: Mapping[str, Any], status: int | None = None) -> RestError:
    """Build the error for an `{"error", "error_description"}` object."""
    code, description = _code_and_description(content)
    known = error_class(code)
    outcome = None
    if known is RestError and status is not None and status >= 500:
        outcome = Outcome.UNKNOWN
    return known(description, method=method, code=code, status=status, outcome=outcome)


def _is_error(error: Any) -> bool:
    # An `error` that PHP calls empty says that there was none; the integer 0 is a code.
    return not isinstance(error, bool) and error not in (None, "", [], {})


def _code_and_description(content: Mapping[str, Any]) -> tuple[str, str]:
    error = content["error"]
    if isinstance(error, dict):
        return str(error.get("code", ""))[:_LONGEST_CODE], str(error.get("message") or "")
    code = str(error)[:_LONGEST_CODE] if isinstance(error, str | int) else ""
    return code, str(content.get("error_description") or "")


def _parse(body: bytes) -> Any:
    try:
        return _decode(body.removeprefix(BOM_UTF8).decode())  # a file of the portal's may begin with a mark
    except (ValueError, RecursionError):
        return None


def _response(content: Mapping[str, Any]) -> Response:
    time = content.get("time")
    return Response(
        content["result"],
        _integer(content.get("next")),
        _integer(content.get("total")),
        time if isinstance(time, dict) else {},
    )


def _integer(value: Any) -> int | None:
    if value is None:
        return None
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _unexpected(method: str, status: int, content: Any, body: bytes) -> BitrixError:
    if content is not None:
        what = "JSON without `result` or `error`"
    elif body.lstrip()[:1] == b"<":
        what = "HTML"
    elif not body.strip():
        what = "an empty body"
    else:
        what = "no JSON"
    return UnexpectedAnswer(f"HTTP {status} with {what}", method=method, status=status)
