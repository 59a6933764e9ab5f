"""When the requests of a long queue leave and what they have done by when: closed forms, no matter how many there are.

Theory of operation. Requests are granted by the bucket: the first `free` at once, then `leak` a second. At most
`slots` are in flight, and one of `size` calls works `size * duration`, so request i leaves when it is granted and
request i - slots has landed:

    leaves(i) = max(granted(i), leaves(i - slots) + size * duration)

Unrolled that is a maximum over j of granted(i - j*slots) + j * size * duration, which is convex in j; a convex
function is greatest at an end, so two terms remain. What leaves less than a full request's work before the end carries
only as many calls as it can still finish: Dispatch fills its last requests like that, so that all end together.
"""

import math
from bisect import bisect_right
from itertools import takewhile
from typing import Final

from attrs import frozen

_SHORTEST: Final = 1e-6
"""Seconds a call takes at least."""
_ROUNDING: Final = 1e-9
_HALVINGS: Final = 48


@frozen(kw_only=True)
class Departures:
    """How a queue empties.

    Attributes:
        slots: requests in flight at a time.
        free: requests that are granted at once.
        leak: requests a second that are granted after these.
        size: calls that a request carries at most.
        duration: seconds that a call works; a request works on its calls one after the other.
    """

    slots: int
    free: float
    leak: float
    size: int
    duration: float

    def seconds(self, calls: int) -> float:
        """Return when the last of so many calls is done."""
        if calls <= 0:
            return 0.0
        least, most = 0.0, self._leaves_at(-(-calls // self.size) - 1) + self._work
        for _ in range(_HALVINGS):
            middle = (least + most) / 2
            if self._done_by(middle, calls) >= calls:
                most = middle
            else:
                least = middle
        return most

    def requests(self, calls: int) -> int:
        """Return how many requests carry so many calls."""
        if calls <= 0:
            return 0
        last = self.seconds(calls) - max(self.duration, _SHORTEST)
        return max(-(-calls // self.size), self._left_by(last, calls))

    @property
    def _work(self) -> float:
        return self.size * max(self.duration, _SHORTEST)

    def _granted_at(self, number: int) -> float:
        return max(0.0, (number + 1 - self.free) / self.leak)

    def _leaves_at(self, number: int) -> float:
        rounds, place = divmod(number, self.slots)
        return max(self._granted_at(number), self._granted_at(place) + rounds * self._work)

    def _left_by(self, seconds: float, most: int) -> int:
        return bisect_right(range(most), seconds + _ROUNDING, key=self._leaves_at)

    def _done_by(self, seconds: float, most: int) -> int:
        whole = self._left_by(seconds - self._work, most)
        left = (seconds - self._leaves_at(number) for number in range(whole, min(most, whole + self.slots)))
        duration = max(self.duration, _SHORTEST)
        return whole * self.size + sum(
            math.floor(rest / duration + _ROUNDING) for rest in takewhile(lambda rest: rest >= 0, left)
        )
