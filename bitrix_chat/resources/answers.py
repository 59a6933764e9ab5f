"""Answers that many methods share: a bare true, and the true inside an object of `imbot.v2`."""

from collections.abc import Callable
from typing import Any

from attrs import frozen

from bitrix_chat.converters import CAMEL_ANSWERS, SNAKE_ANSWERS, decoder


@frozen
class _Done:
    result: bool


def done(method: str) -> Callable[[Any], bool]:
    """Make the decoder of an answer that is `true` (`im.*`)."""
    return decoder(SNAKE_ANSWERS, bool, method)


def wrapped_done(method: str) -> Callable[[Any], bool]:
    """Make the decoder of an answer that is `{"result": true}` (`imbot.v2.*`), also where it comes unwrapped."""
    wrapped, bare = decoder(CAMEL_ANSWERS, _Done, method), done(method)

    def decode(raw: Any) -> bool:
        return wrapped(raw).result if isinstance(raw, dict) else bare(raw)

    return decode
