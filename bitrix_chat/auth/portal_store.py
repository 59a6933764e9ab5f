"""One store for one portal, whoever asks: some know its host, some the `member_id` that outlives the host, some both.

Theory of operation. A pair is kept under the host that its portal had when the first pair was given; all but a
registry of portals know that one. Under each other name by which the portal becomes known, its `member_id` and the
hosts that it moves to, stands a pointer to the first. Pointers are written after the pair, within its lock, and never
again changed, so that they can be read without a lock and remembered. Who knows only a name under which nothing stands
locks that name while installing, then the host: always in this order. Where somebody else's pair stands under the
host, which was given to another portal, the new one is kept under its `member_id`.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from bitrix_chat.auth.stores import TokenStore
from bitrix_chat.auth.token import Token
from bitrix_chat.rest.redaction import host_of

_ELSEWHERE: Final = "kept-elsewhere"
"""What stands for both tokens in a pointer; its `member_id` is the name under which the pair is."""


class PortalStore:
    """A `TokenStore` of one portal, over stores that are told apart by names.

    Args:
        stores: gives the store of a name.
        member_id: the portal's id, "" where unknown.
        host: the host it had when its pair was given, "" where unknown; one of both is known.
    """

    def __init__(self, stores: Callable[[str], TokenStore], *, member_id: str = "", host: str = "") -> None:
        self._stores = stores
        self._opened: dict[str, TokenStore] = {}
        self._names = [name for name in (member_id, host.lower()) if name]
        self._at: str | None = None
        self._known_by: set[str] = set()

    def __repr__(self) -> str:
        name = self._at or self._names[-1]
        return f"<PortalStore {self._opened.get(name, name)!r}>"  # asks for no store, which could fail

    async def load(self) -> Token | None:
        """Return the pair saved last, under whichever name."""
        await self._find()
        return _pair(await self._named(self._at or self._names[-1]).load())

    async def save(self, token: Token) -> None:
        """Replace the pair, and see that it is found under all names of the portal."""
        await self._find()
        at = self._at or self._names[-1]
        host = host_of(token.client_endpoint).lower()
        if self._at is None and len(self._names) == 1 and at == token.member_id != host:
            await self._settle(token, host)
        else:
            await self._named(at).save(token)
            self._at = at
        await self._point(token, token.member_id, host)

    @asynccontextmanager
    async def lock(self) -> AsyncIterator[None]:
        """Keep everyone else out who shares the pair, by whichever name they know it."""
        while True:
            await self._find()
            at = self._at or self._names[-1]
            async with self._named(at).lock():
                await self._find()
                if at == (self._at or self._names[-1]):
                    yield
                    return

    def _named(self, name: str) -> TokenStore:
        # The same object each time: what has taken a lock may be what it is saved by.
        if name not in self._opened:
            self._opened[name] = self._stores(name)
        return self._opened[name]

    async def _find(self) -> None:
        for name in self._names if self._at is None else ():
            found = await self._named(name).load()
            if found is not None:
                self._at = _target(found) or name
                return

    async def _settle(self, token: Token, host: str) -> None:
        """Save the first pair of a portal that was known by its id only."""
        there = PortalStore(self._stores, host=host)
        async with there.lock():
            found = await there.load()
            if found is not None and found.member_id not in {"", token.member_id}:
                self._at = token.member_id
                await self._named(self._at).save(token)
            else:
                await there.save(token)
                self._at = there._at

    async def _point(self, token: Token, *names: str) -> None:
        at = self._at or self._names[-1]
        for name in {*names, *self._names} - {"", at, *self._known_by}:
            if await self._named(name).load() is None:
                await self._named(name).save(Token(_ELSEWHERE, _ELSEWHERE, token.client_endpoint, at))
            self._known_by.add(name)


def _target(found: Token) -> str | None:
    return found.member_id if found.access_token == _ELSEWHERE else None


def _pair(found: Token | None) -> Token | None:
    return None if found is None or _target(found) is not None else found
