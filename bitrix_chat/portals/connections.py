"""One session for all portals, arranged so that a portal which does not answer takes from the others nothing they need.

Three things could be taken. Connections: aiohttp gives 100 to all hosts together, so that a few stalled portals hold
them all; here each host has its own hundred. Threads for looking up names: asyncio has a handful for everything that
blocks, token files included, and a name whose server is silent holds one for half a minute; here lookups have threads
of their own, at most one a name. And locks: there is none that two portals share.
"""

import asyncio
import math
import socket
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeAlias

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

if sys.platform != "win32":
    import resource

MOST_TO_ONE_HOST: Final = 100
"""Connections to one host at least: many more than a client's, since all ask the same server for new tokens."""
_LOOKUPS: Final = 128
"""Names that may be looked up at a time, each in a thread that is started when it is needed."""
_REMEMBERED: Final = 60
"""Seconds for which the addresses of a name are remembered."""
LookUp: TypeAlias = Callable[[str, int, socket.AddressFamily], list[ResolveResult]]
"""Returns the addresses of a name, however long that takes."""

_FILES_OF_ONE: Final = 2
"""Open files that a portal takes on average: a connection that is kept for its next call, and room for some at once."""

_NUMERIC: Final = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV


class Connections:
    """Opens the session when it is first needed, unless the caller has one.

    Args:
        callers: the caller's session; never closed.
        max_in_flight: requests of one client at a time.
        most: clients at a time.
    """

    def __init__(self, callers: aiohttp.ClientSession | None, *, max_in_flight: int, most: int) -> None:
        self._callers = callers
        self._to_one_host = max(MOST_TO_ONE_HOST, 2 * max_in_flight)
        self._resolver: OwnThreadsResolver | None = None
        self._own: aiohttp.ClientSession | None = None
        connector = None if callers is None else callers.connector
        if connector is not None and 0 < connector.limit < most:
            warnings.warn(
                f"the aiohttp session has {connector.limit} connections for all portals together, so that a few which"
                " do not answer stop the others; give it TCPConnector(limit=0, limit_per_host=100)",
                RuntimeWarning,
                stacklevel=3,
            )

    def session(self) -> aiohttp.ClientSession:
        """Return the session of all clients; called within the event loop."""
        if self._callers is not None:
            return self._callers
        if self._own is None:
            self._resolver = OwnThreadsResolver()
            connector = aiohttp.TCPConnector(
                limit=0, limit_per_host=self._to_one_host, resolver=self._resolver, ttl_dns_cache=_REMEMBERED
            )
            self._own = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        return self._own

    async def close(self) -> None:
        """Close the own session; the caller's stays open."""
        if self._own is not None:
            await self._own.close()
        if self._resolver is not None:
            await self._resolver.close()


class FileLimit:
    """Warns once when more portals are open than the operating system allows files for.

    Nobody is warned before: most applications have few portals, and the usual limit of 1024 suffices for them.
    """

    def __init__(self) -> None:
        self._enough_for = _allowed_files() / _FILES_OF_ONE

    def check(self, portals: int) -> None:
        """Warn if so many portals are too many."""
        if portals > self._enough_for:
            self._enough_for = math.inf
            warnings.warn(
                f"{portals} portals are open, and this process may have {_allowed_files():g} open files: each portal"
                f" takes a socket and more while it is busy; raise the limit (ulimit -n), or lower `most`",
                RuntimeWarning,
                stacklevel=2,
            )


def _allowed_files() -> float:
    if sys.platform == "win32":
        return math.inf
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return math.inf if soft == resource.RLIM_INFINITY else soft


class OwnThreadsResolver(AbstractResolver):
    """Looks names up in threads that serve nothing else.

    Args:
        look_up: the system's way of doing it.
    """

    def __init__(self, look_up: LookUp | None = None) -> None:
        self._look_up = look_up or _system_addresses
        self._threads = ThreadPoolExecutor(_LOOKUPS, thread_name_prefix="bitrix-names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of a name.

        Raises:
            OSError: it has none, or nobody could be asked.
        """
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._look_up, host, port, family)

    async def close(self) -> None:
        """Let the threads end, without waiting for those whose lookup is not answered."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _system_addresses(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
    # A machine without a network still has its loopback addresses, which this flag would leave out.
    flags = 0 if host == "localhost" else socket.AI_ADDRCONFIG
    found = socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM, flags=flags)
    return [
        ResolveResult(
            hostname=host,
            host=socket.getnameinfo(address, _NUMERIC)[0],  # with the interface, where an address needs one
            port=port,
            family=kind,
            proto=protocol,
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )
        for kind, _, protocol, _, address in found
    ]
