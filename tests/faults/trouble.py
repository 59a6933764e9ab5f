"""What may happen to a connection, and when: the vocabulary of the proxy's scripts."""

from enum import Enum
from typing import Final, final

import attrs


@final
class Moment(Enum):
    """When trouble begins.

    ACCEPT: nothing was read. HEADERS: the head was read. BODY: `after` bytes of the body were read. REQUEST: the
    portal has executed the request, and its answer is thrown away. ANSWER: `after` bytes of the answer were sent,
    counted as a slice counts, head included. IDLE: the whole answer was sent.
    """

    ACCEPT = "accept"
    HEADERS = "headers"
    BODY = "body"
    REQUEST = "request"
    ANSWER = "answer"
    IDLE = "idle"


@final
class End(Enum):
    """What becomes of the connection.

    RESET: it is torn down (RST). FIN: it is closed, and what still comes is not looked at. HALF_CLOSE: nothing more
    is said, but the request is still read, forwarded and executed. SILENCE: all is swallowed, nothing ever said.
    """

    RESET = "reset"
    FIN = "fin"
    HALF_CLOSE = "half-close"
    SILENCE = "silence"


@final
@attrs.frozen(kw_only=True)
class Trouble:
    """What happens to one request, or to one connection if it begins with ACCEPT.

    Attributes:
        moment: When it ends badly; None for not at all.
        end: How.
        after: Bytes of the body or of the answer, where the moment asks for them.
        method: The REST method it waits for; None for any request.
        times: How many requests to hit.
        delay: Seconds by which the answer comes later.
        drip: Seconds between the bytes of the answer.
        answer: Bytes to send in place of the answer, head and all.
        forward: Whether the portal sees the request; without an `answer` there is none.
    """

    moment: Moment | None = None
    end: End = End.RESET
    after: int = 0
    method: str | None = None
    times: int = 1
    delay: float = 0.0
    drip: float = 0.0
    answer: bytes | None = None
    forward: bool = True


NO_TROUBLE: Final = Trouble()
