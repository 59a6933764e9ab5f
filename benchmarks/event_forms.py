"""What refusing a form bomb costs, against reading an honest form of the same size: less, or strangers set our pace.

Every bomb is measured in its cheapest place and, where it can hide, behind 999 honest pairs. An honest form has the
size of its bomb and as many pairs as a form may have, each value of text that is half percent signs.
"""

import argparse
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator

from bulk_tables import Bars, markdown, seconds

from bitrix_chat.events.php_forms import MAX_BYTES, MAX_DEPTH, MAX_KEY, MAX_PAIRS, FormRefused, parse_str, read_form

TEXT = b"%D0%BF%D1%80%D0%B8%D1%87%D0%B0%D0%BB+three+"


def honest(size: int, pairs: int = MAX_PAIRS) -> bytes:
    """Return a form of about this size as a portal might write it."""
    names = [b"data[message][params][%d][TEXT]" % number for number in range(pairs)]
    room = max(1, size // pairs - len(names[-1]) - 2)
    value = (TEXT * (room // len(TEXT) + 1))[:room].rstrip(b"%0123456789ABCDEF")
    return b"&".join(name + b"=" + value for name in names)


def bombs() -> Iterator[tuple[str, bytes]]:
    """Yield what is refused."""
    deep, long = b"a" + b"[b]" * (MAX_DEPTH + 1) + b"=1", b"k" * (MAX_KEY + 1) + b"=1"
    crowd = honest(MAX_BYTES - 4096, MAX_PAIRS - 1) + b"&"
    yield "1 MiB and a byte", honest(MAX_BYTES + MAX_PAIRS * 64)[: MAX_BYTES + 1]
    yield "16 MiB", honest(MAX_BYTES * 16)
    yield "350,000 pairs", b"a=&" * 349_525
    yield "1,001 pairs of 1 KB", crowd + b"a=1&a=2"
    yield "349,000 brackets", b"a" + b"[b]" * 349_000
    yield "17 brackets", deep
    yield "17 brackets behind 999 pairs", crowd + deep
    yield "a name of 1 MiB", b"k" * (MAX_BYTES - 2) + b"=1"
    yield "a name of 1 MiB in percent signs", b"%6b" * (MAX_BYTES // 3)
    yield "a name of 513 bytes", long
    yield "a name of 513 bytes behind 999 pairs", crowd + long


def refuse(body: bytes) -> None:
    """Refuse a form."""
    try:
        read_form(body)
    except FormRefused:
        return
    raise AssertionError("it was not refused")


def cost(work: Callable[[bytes], object], body: bytes, runs: int) -> float:
    """Return the median CPU seconds of one run; short ones are repeated within a run."""
    repeats = 1
    while (spent := timed(work, body, repeats)) < 0.002:
        repeats *= 4
    return statistics.median([spent, *(timed(work, body, repeats) for _ in range(runs - 1))]) / repeats


def timed(work: Callable[[bytes], object], body: bytes, repeats: int) -> float:
    """Return the CPU seconds of some runs."""
    started = time.process_time()
    for _ in range(repeats):
        work(body)
    return time.process_time() - started


def peak(body: bytes) -> int:
    """Return the bytes that refusing a form takes at most."""
    tracemalloc.start()
    refuse(body)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def main() -> None:
    """Print the figures, and fail where a bomb costs more than an honest form."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    bars, rows = Bars(), []
    for name, bomb in bombs():
        size = len(bomb)
        refusing = cost(refuse, bomb, runs)
        # Beyond the limit for bytes nothing but the bare parser reads.
        reader = read_form if size <= MAX_BYTES else parse_str
        reading = cost(reader, honest(size, min(MAX_PAIRS, max(1, size // 64))), runs)
        bars.at_most(name, refusing / reading, 1)
        row = (
            name,
            f"{size:,}",
            f"{seconds(refusing * 1e6)}",
            f"{seconds(reading * 1e6)}",
            f"{refusing / reading:.3f}",
        )
        rows.append((*row, f"{peak(bomb):,}"))
    heads = ("bomb", "bytes", "refusing it, us", "reading an honest form, us", "ratio", "memory, bytes")
    print(markdown(heads, rows))
    if bars.missed:
        sys.exit("; ".join(bars.missed))


if __name__ == "__main__":
    main()
