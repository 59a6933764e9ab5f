"""Coverage-guided fuzzing of all that reads what a portal sends: it ends with the first exception that is not ours.

atheris is no part of the test extra, since it brings libFuzzer along. Put it beside the package into an environment
of its own, and run this file there from the root of the repository:

    pip install atheris -e .
    python tests/fuzz/atheris_answers.py -max_total_time=600 -timeout=10 -rss_limit_mb=1024 /tmp/corpus
"""

import contextlib
import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import atheris

sys.path.insert(0, str(Path(__file__).parents[2]))
with atheris.instrument_imports(include=["bitrix_chat", "cattrs"]):
    from bitrix_chat import BitrixError
    from bitrix_chat.models.time import Time
    from bitrix_chat.rest.accounting import is_in_progress, refused_for_time, times_of
    from bitrix_chat.rest.batch import unpack
    from bitrix_chat.rest.envelope import open_envelope
    from bitrix_chat.rest.query import build, parse
    from bitrix_chat.rest.redaction import scrubbed, secrets_in
    from bitrix_chat.rest.reference import LOOKALIKE
    from bitrix_chat.rest.request import Request, Response
    from tests.fuzz.answer_decoders import decoders
    from tests.fuzz.wire_names import names_below

_ENVELOPE: Final = ("result", "error", "error_description", "time", "next", "total", "code", "message", "operating")
_BATCH: Final = ("result", "result_error", "result_time", "result_total", "result_next", "c0", "c1", "0", "1", "error")
_DECODERS: Final = sorted(decoders().items())
_REQUESTS: Final = {name: Request("im.chat.add", {"TITLE": "words"}) for name in ("c0", "c1", "0")}
_LEAVES: Final = (None, True, False, "", "0", "Y", "N", 0, 1, -1, 1.5, 10**400, float("inf"), "9" * 5000, "[1]", [], {})


def value(data: "atheris.FuzzedDataProvider", names: tuple[str, ...], depth: int = 5) -> Any:
    """Make JSON whose keys are mostly those the reader knows."""
    kind = data.ConsumeIntInRange(0, 9)
    if depth and kind < 4 and names:
        picked = (names[data.ConsumeIntInRange(0, len(names) - 1)] for _ in range(data.ConsumeIntInRange(0, 6)))
        return {name: value(data, names, depth - 1) for name in picked}
    if depth and kind == 4:
        return [value(data, names, depth - 1) for _ in range(data.ConsumeIntInRange(0, 4))]
    if kind == 5:
        return data.ConsumeUnicodeNoSurrogates(12)
    if kind == 6:
        return data.ConsumeInt(8)
    if kind == 7:
        return str(data.ConsumeInt(8))
    return _LEAVES[data.ConsumeIntInRange(0, len(_LEAVES) - 1)]


def envelope(data: "atheris.FuzzedDataProvider") -> None:
    """Any bytes, and JSON with the envelope's keys, under any status."""
    status = data.ConsumeIntInRange(100, 599)
    made = data.ConsumeBool()
    body = json.dumps(value(data, _ENVELOPE)).encode() if made else data.ConsumeBytes(4096)
    response = open_envelope("im.chat.add", status, body)
    assert isinstance(response.time, Time)


def query(data: "atheris.FuzzedDataProvider") -> None:
    """Any text as a query string; what was read is written and read again as itself."""
    try:
        first = parse(data.ConsumeUnicodeNoSurrogates(2048))
    except ValueError:
        return
    LOOKALIKE.search(build({"text": build(first)}))


def batch(data: "atheris.FuzzedDataProvider") -> None:
    """Any result of a batch, as every reader of it sees it."""
    request = Request("batch", {"cmd": dict.fromkeys(_REQUESTS, "im.chat.add?TITLE=words")})
    response = Response(value(data, _BATCH))
    for _ in (*times_of(request, response), *refused_for_time(request, response)):
        is_in_progress(request, response)
    scrubbed(response.result, secrets_in({"botToken": "secret"}))
    list(unpack(_REQUESTS, response, halt=data.ConsumeBool(), doubtful=data.ConsumeBool()))


def answer(data: "atheris.FuzzedDataProvider") -> None:
    """Any result for any decoder."""
    _, decode = _DECODERS[data.ConsumeIntInRange(0, len(_DECODERS) - 1)]
    decode(value(data, names_below(decode)))


_TARGETS: Final[list[Callable[["atheris.FuzzedDataProvider"], None]]] = [envelope, query, batch, answer, answer, answer]


def fuzz_one(data: bytes) -> None:
    """Run one target on one input; errors of ours are answers too."""
    provider = atheris.FuzzedDataProvider(data)
    with contextlib.suppress(BitrixError):
        _TARGETS[provider.ConsumeIntInRange(0, len(_TARGETS) - 1)](provider)


if __name__ == "__main__":
    warnings.simplefilter("error")
    atheris.Setup(sys.argv, fuzz_one)
    atheris.Fuzz()
