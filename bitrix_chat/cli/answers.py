"""Sending one call and showing what came back, as the portal said it."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bitrix_chat import InvalidParameter, NoAnswerError
from bitrix_chat.cli.endings import outcome_sentence
from bitrix_chat.rest.redaction import masked

if TYPE_CHECKING:
    from bitrix_chat import BitrixChat, Call, Request, Response

_GRACE: Final = 1.0
"""Seconds that a request has to land after its caller was interrupted or has run out of time."""


class NotPrinted(Exception):
    """What a command had to say did not reach stdout, whatever became of its request."""


def rehearse(request: "Request") -> None:
    """Print a request instead of sending it, its secrets masked."""
    shown = {"method": request.method, "params": masked(request.params)}
    show(shown, lost="Nothing was sent; the request could not be printed")


async def deliver(b24: "BitrixChat", call: "Call[Any]", out: Path | None = None) -> None:
    """Send a call and print its raw answer, or write it to a file.

    Raises:
        BitrixError: what went wrong.
    """
    check_writable(out)
    try:
        await call
    except asyncio.CancelledError:
        await b24.close(_GRACE)
        print(f"bitrix-chat: interrupted. {_interrupted(call)}", file=sys.stderr)
        _show_answer(call, out)
        raise
    except NoAnswerError:
        await b24.close(_GRACE)
        if call.response is None:
            raise
        print("bitrix-chat: the answer came after --timeout", file=sys.stderr)
    _show_answer(call, out)


def check_writable(out: Path | None, option: str = "--out") -> None:
    """Refuse a file that cannot be written, before anything is sent."""
    if out is None:
        return
    if out.is_dir():
        raise InvalidParameter(f"{option} is a folder")
    if not out.parent.is_dir():
        raise InvalidParameter(f"{option} cannot be written: its folder does not exist")
    if not os.access(out if out.exists() else out.parent, os.W_OK):
        raise InvalidParameter(f"{option} cannot be written")


def show(value: Any, *, lost: str = "It ran; its answer could not be printed", indent: int | None = 2) -> None:
    """Print a value as JSON on stdout, without `indent` in one line, and flush it.

    Raises:
        NotPrinted: stdout is closed or takes no more; `lost` says what that means.
        BrokenPipeError: its reader has left.
    """
    if sys.stdout is None:
        raise NotPrinted(f"{lost} (stdout is closed)")
    try:
        print(as_json(value, sys.stdout.encoding or "ascii", indent), flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        reason = error.strerror
    else:
        return
    raise NotPrinted(f"{lost} ({reason})")


def as_json(value: Any, encoding: str = "utf-8", indent: int | None = 2) -> str:
    """Return a value as JSON, with escapes where the encoding cannot say it."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return json.dumps(value, indent=indent)
    return text


def envelope(response: "Response") -> dict[str, Any]:
    """Return an answer under the keys that the portal uses."""
    paging = {"next": response.next, "total": response.total}
    return {
        "result": response.result,
        **{name: value for name, value in paging.items() if value is not None},
        "time": dict(response.raw_time),
    }


def _interrupted(call: "Call[Any]") -> str:
    return "It ran all the same." if call.response is not None else outcome_sentence(call.outcome)


def _show_answer(call: "Call[Any]", out: Path | None) -> None:
    if call.response is None:
        return
    answer = envelope(call.response)
    if out is None or not _written(out, as_json(answer)):
        show(answer)


def _written(out: Path, text: str) -> bool:
    try:
        out.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        # What was sent was done: its answer must not be lost.
        print(f"bitrix-chat: --out cannot be written ({error.strerror}); the answer follows", file=sys.stderr)
        return False
    return True
