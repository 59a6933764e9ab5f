"""The REST server behind the socket: finds a method, identifies the caller, keeps the limits, runs it.

The order is the portal's: an unknown method is reported before anybody looks at the credentials.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, final

import attrs

from bitrix_chat.portal.limits import OperatingKey, OperatingLimit
from bitrix_chat.portal.methods import Caller, Invocation, Method, all_methods
from bitrix_chat.portal.php import PhpValue, intval, packed
from bitrix_chat.portal.refusal import Refusal
from bitrix_chat.portal.scripts import Script
from bitrix_chat.portal.state import PortalState
from bitrix_chat.portal.timing import time_object

BATCH: Final = Method("batch", None, lambda _: None)
_HALF: Final = 0.5  # the weight of a batch's own time on newer portals


@final
@attrs.frozen(kw_only=True)
class Outcome:
    """What a successful call answers; paging has left the result for the envelope."""

    result: Any
    time: dict[str, Any]
    next: int | None = None
    total: int | None = None

    def envelope(self) -> dict[str, Any]:
        """Build the answer; a result with `error` and `error_description` is the answer, under status 200."""
        if isinstance(self.result, dict) and self.result.get("error") and "error_description" in self.result:
            return self.result
        paging = {"next": self.next, "total": self.total}
        return (
            {"result": self.result}
            | {key: value for key, value in paging.items() if value is not None}
            | {"time": self.time}
        )


@final
class RestServer:
    """Runs single methods, within the operating limit."""

    def __init__(
        self,
        state: PortalState,
        *,
        operating: OperatingLimit | None,
        cost: float,
        costs: Mapping[str, float],
    ) -> None:
        self.state = state
        self.operating = operating
        self.executions: Counter[str] = Counter()
        self.blocked = 0
        self._cost = cost
        self._costs = {name.lower(): seconds for name, seconds in costs.items()}
        self._methods = all_methods()

    def find(self, name: str) -> Method:
        """Look a method up, `batch` included.

        Raises:
            Refusal: ERROR_METHOD_NOT_FOUND.
        """
        return BATCH if name.lower() == BATCH.name else self._methods.find(name)

    def cost_of(self, method: Method) -> float:
        """Return the seconds a call of the method works."""
        return self._costs.get(method.name.lower(), self._cost)

    async def run(
        self, method: Method, caller: Caller, params: dict[str, PhpValue], script: Script, *, billed: bool = True
    ) -> Outcome:
        """Run one method; what it costs is slept first, then it takes effect all at once.

        Raises:
            Refusal: The method, its scope or its limit refuses.
            FatalError: The PHP script would have died.
            OvertimeError: It has died, of its age.
        """
        self._check_scope(method, caller)
        key = self.check_operating(method, caller) if billed else None
        start = self.state.clock()
        cost = self.cost_of(method)
        await script.work(cost)
        call = Invocation(state=self.state, caller=caller, params=params, methods=self._methods, lingers=script.lingers)
        try:
            result = method.handler(call)
        finally:
            if key is not None and self.operating is not None:
                self.operating.record(key, cost)
        self.executions[method.name] += 1
        return self.outcome(result, start, cost, key)

    def _check_scope(self, method: Method, caller: Caller) -> None:
        if method.is_open_to(caller):
            return
        credential = "webhook token" if caller.via_webhook else "access token"
        raise Refusal(
            "insufficient_scope",
            f"The request requires higher privileges than provided by the {credential}",
            self.state.policy.status("insufficient_scope"),
        )

    def check_operating(self, method: Method, caller: Caller) -> OperatingKey | None:
        """Return the key under which the call is billed; None without an operating limit.

        Raises:
            Refusal: OPERATION_TIME_LIMIT, with 429.
        """
        if self.operating is None:
            return None
        key = OperatingKey(caller.credential, method.name)
        if self.operating.blocked(key):
            self.blocked += 1
            raise Refusal("OPERATION_TIME_LIMIT", "Method is blocked due to operation time limit.", 429)
        return key

    def bill_batch(self, key: OperatingKey | None, seconds: float) -> None:
        """Bill a whole batch, as newer portals do."""
        if key is not None and self.operating is not None:
            self.operating.record(key, seconds * _HALF)

    def outcome(self, result: Any, start: float, processing: float, key: OperatingKey | None) -> Outcome:
        """Wrap a result: lift paging out of it and say how long it took."""
        time = time_object(start, self.state.clock(), processing, integers=self.state.policy.integer_times)
        if key is not None and self.operating is not None:
            time["operating_reset_at"] = self.operating.reset_at(key)
            time["operating"] = self.operating.spent(key)
        if not (isinstance(result, dict) and ("next" in result or "total" in result)):
            return Outcome(result=result, time=time)
        paging = {name: intval(result[name]) for name in ("next", "total") if name in result}
        rest = packed({name: value for name, value in result.items() if name not in paging})
        return Outcome(result=rest, time=time, next=paging.get("next"), total=paging.get("total"))
