"""Asks the auth strategy for address and token as a request leaves, so that nothing waits with a stale one."""

import json
import logging
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any, Final
from urllib.parse import urlsplit

from attrs import field, frozen
from yarl import URL

from bitrix_chat.auth.addresses import is_insecure
from bitrix_chat.auth.strategy import AuthStrategy, Credentials
from bitrix_chat.errors import BitrixError, InsecureUrl, InvalidParameter
from bitrix_chat.rest.envelope import open_envelope
from bitrix_chat.rest.redaction import host_of, scrub_error, scrubbed, secrets_in, webhook_secret
from bitrix_chat.rest.request import Request, Response
from bitrix_chat.transport.moving import Moves, at
from bitrix_chat.transport.wire import Wire

_SEE_OTHER: Final = 303
"""Says by definition that the request was processed."""

logger: Final = logging.getLogger("bitrix_chat")


@frozen
class Signed:
    """A request with its address and proof; no repr shows either."""

    request: Request
    credentials: Credentials = field(repr=False)
    endpoint: str = field(repr=False)
    url: URL = field(repr=False)
    body: bytes = field(repr=False)


class Signing:
    """Signs requests, sends them by the wire and reads what comes back."""

    def __init__(
        self, auth: AuthStrategy, wire: Wire, moves: Moves | None = None, *, allow_insecure_loopback: bool = False
    ) -> None:
        self._auth = auth
        self._moves = moves or Moves()
        self._allow_insecure_loopback = allow_insecure_loopback
        self._wire = wire
        self._urls: dict[tuple[str, str], URL] = {}

    async def endpoint(self) -> str:
        """Return the REST address that requests go to; a webhook's is a secret."""
        return self._moves.current((await self._credentials()).endpoint)

    async def host(self) -> str:
        """Return the host that the strategy names, with the port where it is not the scheme's own; moves aside."""
        return host_of((await self._credentials()).endpoint)

    async def _credentials(self) -> Credentials:
        credentials = await self._auth.credentials()
        if is_insecure(credentials.endpoint) and not self._allow_insecure_loopback:
            raise insecure()
        return credentials

    async def sign(self, request: Request, moved_to: str | None = None) -> Signed:
        """Put address and token to a request; it is to leave at once.

        Args:
            request: what is to be sent.
            moved_to: where a redirect of the portal leads, if it is being followed.

        Raises:
            InsecureUrl: the address is plain http, and the client does not allow it.
            InvalidParameter: a value that JSON cannot hold.
        """
        credentials = await self._credentials()
        endpoint = self._moves.current(credentials.endpoint)
        if moved_to is not None:
            endpoint = at(endpoint, moved_to)
        return Signed(
            request, credentials, endpoint, self._url(endpoint, request.method), _encoded(request, credentials)
        )

    async def send(self, signed: Signed, on_write: Callable[[], None]) -> Response:
        """Send a signed request.

        Raises:
            Moved: the portal answers from another address, which was agreed.
            BitrixError: what went wrong, with the outcome and without secrets.
        """
        started = perf_counter()
        try:
            reply = await self._wire.post(signed.url, signed.body, on_write)
            if reply.location is not None and reply.status != _SEE_OTHER:
                raise self._moves.judged(str(signed.url), reply.location)
            response = open_envelope(signed.request.method, reply.status, reply.body)
        except BitrixError as error:
            error.method = signed.request.method
            scrub_error(error, _secrets(signed))
            _log(signed, started, error)
            raise
        if signed.request.method == "batch" and isinstance(response.result, dict):
            # The portal forces the outer credentials into every command, so its errors may repeat them.
            errors = response.result.get("result_error")
            if errors:
                response.result["result_error"] = scrubbed(errors, _secrets(signed))
        _log(signed, started, reply.status)
        return response

    def arrived(self, signed: Signed) -> None:
        """Learn that a call has succeeded which followed a redirect: the portal has moved for good."""
        origin = signed.endpoint.removesuffix(urlsplit(signed.endpoint).path)
        try:
            if old := self._moves.keep(signed.credentials.endpoint, origin):
                logger.warning("the portal %s has moved to %s: use its new address", old, host_of(signed.endpoint))
        except Exception:
            logger.exception("`on_move` failed")

    async def renew(self, rejected: Signed) -> None:
        """Have the credentials replaced that the portal called expired."""
        await self._auth.renew(rejected.credentials)

    async def close(self) -> None:
        """Close the wire."""
        await self._wire.close()

    def _url(self, endpoint: str, method: str) -> URL:
        key = endpoint, method
        url = self._urls.get(key)
        if url is None:
            url = self._urls[key] = URL(endpoint + method, encoded=True)
        return url


def insecure() -> InsecureUrl:
    """Refuse an address of plain http; what is no loopback host was refused before."""
    return InsecureUrl(
        "http:// would show the secret to whoever listens; a portal on this very machine may have it with"
        " `allow_insecure_loopback=True`"
    )


def _encoded(request: Request, credentials: Credentials) -> bytes:
    params: Any = request.params
    if credentials.token is not None:
        params = {**params, "auth": credentials.token}
    try:
        # PHP ignores a body that it cannot parse and runs the method without parameters, so only clean JSON leaves.
        return _encode(params).encode()
    except (TypeError, ValueError, RecursionError) as error:
        fault = _fault(error)
    raise InvalidParameter(fault, method=request.method)


def _fault(error: Exception) -> str:
    if isinstance(error, InvalidParameter):
        return error.description
    if isinstance(error, UnicodeEncodeError):
        return "a text holds half of a surrogate pair, which is no Unicode"
    if isinstance(error, RecursionError) or "Circular" in str(error):
        return "the parameters are nested too deeply"
    return "a number is not finite" if "Out of range" in str(error) else str(error)


def _refuse(value: Any) -> Any:
    from bitrix_chat.rest.reference import Reference  # noqa: PLC0415  # only needed for the words of a refusal

    if isinstance(value, Reference):
        raise InvalidParameter("a reference works only inside a batch")
    raise TypeError(f"a parameter holds {type(value).__name__}, which JSON cannot say")


_encode: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_refuse).encode


def _secrets(signed: Signed) -> Iterator[str]:
    yield from secrets_in(signed.request.params)
    for secret in (signed.credentials.token, webhook_secret(signed.endpoint)):
        if secret:
            yield secret


def _log(signed: Signed, started: float, ending: int | BitrixError) -> None:
    if not logger.isEnabledFor(logging.DEBUG):
        return
    said = f"HTTP {ending}" if isinstance(ending, int) else f"{type(ending).__name__} ({ending.outcome.value})"
    names = ", ".join(map(str, signed.request.params))
    host = host_of(signed.endpoint)
    logger.debug("%s %s(%s): %s in %.3f s", host, signed.request.method, names, said, perf_counter() - started)
