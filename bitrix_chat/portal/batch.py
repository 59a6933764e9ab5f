"""`batch`: up to 50 commands in one request, each a query string that may refer to earlier results.

References are replaced by looking for `$result` and its siblings in every value. What is found that way
is taken up to the next white space, is walked as far as it leads, and there is no way to escape it: the
portal will replace a user's text as readily as a reference (documentation topic "batch").
"""

import re
from typing import Final, final

from bitrix_chat.portal.limits import OperatingKey
from bitrix_chat.portal.methods import Caller
from bitrix_chat.portal.php import PhpArray, PhpValue, entries, is_numeric, offset, packed, parse_str, strval, truthy
from bitrix_chat.portal.refusal import Refusal
from bitrix_chat.portal.rest import BATCH, Outcome, RestServer
from bitrix_chat.portal.scripts import Script

_MAX_COMMANDS: Final = 50
_FORBIDDEN: Final = frozenset({"batch", "download", "upload"})
_REFERENCE: Final = re.compile(r"\$(result|next|total|time|error)(\S*)", re.IGNORECASE)
_KEY: Final = re.compile(r"\[([^\]]+)\]")
_SCHEME: Final = re.compile(r"[A-Za-z0-9+.-]+:")


@final
class Batch:
    """One run of a batch and what it has gathered."""

    def __init__(self, server: RestServer, caller: Caller, script: Script) -> None:
        self._server = server
        self._script = script
        self._caller = caller
        self._nested = server.state.policy.operating == "nested"
        self._parts: dict[str, dict[str, PhpValue]] = {
            part: {} for part in ("result", "error", "total", "next", "time")
        }
        self._worked = 0.0

    async def run(self, params: dict[str, PhpValue]) -> Outcome:
        """Run the commands in their order; the answer is a success even if every one of them failed.

        Raises:
            Refusal: OPERATION_TIME_LIMIT, where the portal bills the batch itself.
        """
        key = self._bill_to()
        start = self._server.state.clock()
        halt = truthy(params.get("halt"))
        commands = params.get("cmd") or params.get("CMD")
        for number, (name, command) in enumerate(entries(commands) if isinstance(commands, list | dict) else []):
            if isinstance(command, str) and not await self._command(number, name, command) and halt:
                break
        self._server.bill_batch(None if self._nested else key, self._worked)
        return self._server.outcome(self._gathered(), start, self._worked, key)

    def _bill_to(self) -> OperatingKey | None:
        if not self._nested:
            return self._server.check_operating(BATCH, self._caller)
        return OperatingKey(self._caller.credential, BATCH.name) if self._server.operating else None

    def _gathered(self) -> dict[str, PhpArray]:
        """Shape the parts as PHP does: `[]` when empty, a list when the keys are 0..n-1, an object otherwise."""
        named = {"result": "result", "result_error": "error", "result_total": "total"}
        named |= {"result_next": "next", "result_time": "time"}
        return {name: packed(self._parts[part]) for name, part in named.items()}

    async def _command(self, number: int, name: str, command: str) -> bool:
        try:
            outcome = await self._run(number, command)
        except Refusal as refusal:
            # A missing scope has no text here; nobody says why.
            text = "" if refusal.code == "insufficient_scope" else refusal.description
            self._parts["error"][name] = {"error": refusal.code, "error_description": text, **refusal.extra}
            return False
        self._parts["result"][name] = outcome.result
        self._parts["time"][name] = outcome.time
        self._parts["total"] |= {} if outcome.total is None else {name: outcome.total}
        self._parts["next"] |= {} if outcome.next is None else {name: outcome.next}
        return True

    async def _run(self, number: int, command: str) -> Outcome:
        if number >= _MAX_COMMANDS:
            raise Refusal("ERROR_BATCH_LENGTH_EXCEEDED", "Max batch length exceeded")
        path, params = split_command(command, max_vars=self._server.state.policy.max_input_vars)
        if path in _FORBIDDEN:
            raise Refusal("ERROR_BATCH_METHOD_NOT_ALLOWED", "Method is not allowed for batch usage")
        method = self._server.find(path)
        arguments = {name: self._substituted(value) for name, value in params.items()}
        self._worked += self._server.cost_of(method)
        return await self._server.run(method, self._caller, arguments, self._script, billed=self._nested)

    def _substituted(self, value: PhpValue) -> PhpValue:
        if isinstance(value, list):
            return [self._substituted(inner) for inner in value]
        if isinstance(value, dict):
            return {name: self._substituted(inner) for name, inner in value.items()}
        return self._replaced(value) if isinstance(value, str) and "$" in value else value

    def _replaced(self, text: str) -> PhpValue:
        whole = _REFERENCE.fullmatch(text)
        if whole is not None and _KEY.search(whole[2]):
            return self._resolved(whole)
        return _REFERENCE.sub(self._embedded, text)

    def _embedded(self, match: re.Match[str]) -> str:
        """Replace a reference inside a text, unless it leads to an array or to nothing."""
        if not _KEY.search(match[2]):
            return match[0]
        value = self._resolved(match)
        return strval(value) if isinstance(value, str) or is_numeric(value) else match[0]

    def _resolved(self, match: re.Match[str]) -> PhpValue:
        """Walk the keys and keep the container reached where the way ends.

        A reference to a command that failed thus becomes the array of all results so far; a word in other
        capitals finds nothing at all.
        """
        if match[1] not in self._parts:
            return None
        reached: PhpValue = dict(self._parts[match[1]])
        for key in _KEY.findall(match[2]):
            inner = offset(reached, key)
            if inner is None:
                break
            reached = inner
        return reached


def split_command(command: str, *, max_vars: int) -> tuple[str, dict[str, PhpValue]]:
    """Split a command as `parse_url` and `parse_str` do: what follows `#` is lost, a colon makes a scheme."""
    address, _, query = command.partition("#")[0].partition("?")
    scheme = _SCHEME.match(address)
    path = address[scheme.end() :] if scheme else address
    if path.startswith("//"):
        path = "/" + path[2:].partition("/")[2]  # the first step was the host
    return path, {name: value for name, value in parse_str(query, max_vars=max_vars).items() if name != "auth"}
