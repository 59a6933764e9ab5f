"""Tracebacks end where the transport begins, in every error of a family."""

import traceback

from bitrix_chat.errors import ConnectionLost
from bitrix_chat.rest.tracebacks import forget_frames

SECRET = "canary-secret"
NAMES: dict[str, object] = {"__name__": "bitrix_chat.transport.made_up"}
exec("def fail(error, secret):\n    raise error", NAMES)  # noqa: S102  # a frame of the transport


def failed(error: Exception) -> Exception:
    try:
        NAMES["fail"](error, SECRET)  # type: ignore[operator]
    except Exception as caught:  # noqa: BLE001
        return caught
    raise AssertionError


def shown(error: Exception) -> str:
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def test_errors_in_a_group_are_cut_as_well():
    group = ExceptionGroup("several", [failed(ConnectionLost("gone")), failed(ValueError("odd"))])
    assert SECRET in shown(group)
    forget_frames(group)
    assert SECRET not in shown(group)


def test_an_error_that_is_its_own_cause_ends():
    error = failed(ConnectionLost("gone"))
    error.__cause__ = error
    forget_frames(error)
    assert error.__traceback__ is not None
    assert "fail" not in [frame.name for frame in traceback.extract_tb(error.__traceback__)]
