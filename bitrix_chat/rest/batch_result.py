"""What became of each command of a batch, in the order of the calls."""

from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar, overload

from attrs import field, frozen

from bitrix_chat.errors import BitrixError, InvalidParameter
from bitrix_chat.outcomes import Outcome
from bitrix_chat.rest.batch import unpack
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.request import Exchange, Request, Response

T = TypeVar("T")


@frozen
class CommandResult(Generic[T]):
    """What became of one command.

    Attributes:
        name: its name in the batch.
        method: its REST method.
        outcome: whether it ran.
        value: its typed result, None unless it is done.
        error: what it failed with; also of a command that is done, if its answer has an unexpected shape.
        response: its raw answer.
    """

    name: str
    method: str
    outcome: Outcome
    value: T | None = None
    error: BitrixError | None = None
    response: Response | None = field(default=None, repr=False)

    def unwrap(self) -> T:
        """Return the value.

        Raises:
            BitrixError: what the command failed with.
        """
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[return-value]  # without an error there is a value, and it may be None


@frozen
class BatchResult:
    """The results of a batch: by their call, which keeps its type, by position, by name, or in order."""

    results: tuple[CommandResult[Any], ...]
    _calls: Mapping[str, Call[Any]] = field(factory=dict, repr=False, eq=False)

    @overload
    def __getitem__(self, key: Call[T]) -> CommandResult[T]: ...
    @overload
    def __getitem__(self, key: int | str) -> CommandResult[Any]: ...
    def __getitem__(self, key: Call[Any] | int | str) -> CommandResult[Any]:
        """Return the result of a command.

        Raises:
            KeyError: the batch has no such call or name.
            IndexError: it has no such position.
        """
        if isinstance(key, int):
            return self.results[key]
        for result in self.results:
            if result.name == key or self._calls.get(result.name) is key:
                return result
        raise KeyError(key)

    def __iter__(self) -> Iterator[CommandResult[Any]]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    @property
    def failed(self) -> tuple[CommandResult[Any], ...]:
        """The commands without a value: refused, unknown, or done with an answer that cannot be read."""
        return tuple(result for result in self.results if result.error is not None)

    def values(self) -> list[Any]:
        """Return all values in order.

        Raises:
            BitrixError: what the first command without a value failed with.
        """
        return [result.unwrap() for result in self.results]


class BatchDecoder:
    """Turns the raw result of a batch into its commands' results, and settles their calls."""

    def __init__(self, calls: Mapping[str, Call[Any]], *, halt: bool) -> None:
        if len({id(call) for call in calls.values()}) < len(calls):
            raise InvalidParameter("the same call stands in it twice; make another one", method="batch")
        if used := [name for name, call in calls.items() if call.is_claimed]:
            raise InvalidParameter(f"the call `{used[0]}` was already awaited, packed or closed", method="batch")
        if bounded := [name for name, call in calls.items() if call.is_bounded]:
            raise InvalidParameter(f"the call `{bounded[0]}` has a bound of its own; bound the batch", method="batch")
        self._calls = calls
        self._halt = halt
        self._batch: Call[BatchResult] | None = None
        self._exchanges = {name: call.claim() for name, call in calls.items()}

    def carried_by(self, batch: Call[BatchResult]) -> Call[BatchResult]:
        """Let the calls share the outcome of `batch` until their own is known."""
        self._batch = batch
        for exchange in self._exchanges.values():
            exchange.carrier = batch
        return batch

    @property
    def requests(self) -> dict[str, Request]:
        """What each command sends, with what was drawn for it."""
        return {name: exchange.request for name, exchange in self._exchanges.items()}

    def __call__(self, raw: Any) -> BatchResult:
        """Take the answer apart.

        Raises:
            UnexpectedAnswer: it is no batch answer, so that no command's outcome is known.
        """
        try:
            doubtful = self._batch is not None and self._batch.is_doubtful
            answers = list(unpack(self.requests, Response(raw), halt=self._halt, doubtful=doubtful))
        except BitrixError as error:
            for exchange in self._exchanges.values():
                exchange.fail(error)
            raise
        return BatchResult(tuple(self._result(name, answer) for name, answer in answers), self._calls)

    def _result(self, name: str, answer: Response | BitrixError) -> CommandResult[Any]:
        exchange = self._exchanges[name]
        if isinstance(answer, Response):
            exchange.succeed(answer)
            return self._decoded(name, exchange, answer)
        if self._batch is not None:
            answer = self._batch.attested(answer, exchange.request)
        exchange.fail(answer)
        return CommandResult(name, exchange.request.method, answer.outcome, error=answer)

    def _decoded(self, name: str, exchange: Exchange, response: Response) -> CommandResult[Any]:
        try:
            value = self._calls[name].decode(response.result)
        except BitrixError as error:
            return CommandResult(name, exchange.request.method, error.outcome, error=error, response=response)
        return CommandResult(name, exchange.request.method, Outcome.DONE, value, response=response)
