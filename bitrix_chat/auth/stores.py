"""Where a token pair outlives the process: a refresh token works once, so its successor has to be kept safe first."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from attrs import define, field, frozen

from bitrix_chat.auth.loop_lock import LoopLock
from bitrix_chat.auth.token import Token
from bitrix_chat.errors import TokenStoreError
from bitrix_chat.rest.tracebacks import discreet
from bitrix_chat.storage.file_lock import try_lock, unlock
from bitrix_chat.storage.folders import sync_folder

_POLL: Final = 0.02
"""Seconds between two attempts at another process' lock."""


@runtime_checkable
class TokenStore(Protocol):
    """Keeps one portal's token pair for everything that acts as the same application there.

    Write your own for a database or a secret manager: `Token.to_dict` and `Token.from_dict` give what
    to keep. Encrypt it, or guard it like a password. Any exception of yours reaches callers as the
    `__cause__` of a `TokenStoreError`.
    """

    async def load(self) -> Token | None:
        """Return the pair saved last, by whichever process; None where there is none yet."""
        ...

    async def save(self, token: Token) -> None:
        """Replace the pair; once this returns, it must survive a crash."""
        ...

    def lock(self) -> AbstractAsyncContextManager[None]:
        """Keep everyone else who shares the store out: tasks, processes and hosts.

        Held while the store is read again, the pair renewed and saved: for about a second, for half a
        minute where the authorization server does not answer. `load` and `save` are called inside, so they
        must not take the lock themselves. A lock that only works within the process is enough only
        for a single process.
        """
        ...


@define(eq=False)
class MemoryTokenStore:
    """Keeps the pair for as long as the object lives: for tests, and where the pair comes from elsewhere anyway."""

    _token: Token | None = None
    _lock: LoopLock = field(init=False, factory=LoopLock, repr=False)

    async def load(self) -> Token | None:
        """Return the pair saved last."""
        return self._token

    async def save(self, token: Token) -> None:
        """Replace the pair."""
        self._token = token

    def lock(self) -> AbstractAsyncContextManager[None]:
        """Keep other tasks out."""
        return self._lock.current()


def _absolute(path: str | os.PathLike[str]) -> Path:
    # Resolved once: neither a change of directory nor a symbolic link may lead to a second lock file.
    return Path(path).expanduser().resolve()


@frozen(eq=False)
class FileTokenStore:
    """Keeps the pair in a JSON file that only its owner may read, shared by processes of one host.

    The folder has to exist. Beside the file stands an empty `.lock` file, which stays. A file on a
    network share needs a share whose locks work.
    """

    path: Path = field(converter=_absolute)
    _lock: LoopLock = field(init=False, factory=LoopLock, repr=False)

    async def load(self) -> Token | None:
        """Read the pair; None where there is no file.

        Raises:
            TokenStoreError: the file cannot be read or holds something else.
        """
        return await asyncio.to_thread(self._read)

    async def save(self, token: Token) -> None:
        """Replace the file in one step, readable by its owner only, whatever its mode was.

        A cancellation is held back until the file is written: a lock released before that would
        let others read the old pair.

        Raises:
            TokenStoreError: the file cannot be written; the old one is untouched.
        """
        # A future of the executor, since the end of `asyncio.run` cancels tasks.
        writing = asyncio.get_running_loop().run_in_executor(None, self._write, token)
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait([writing])
            writing.exception()  # Seen, so that the loop does not complain of it later.
            raise

    @asynccontextmanager
    async def lock(self) -> AsyncIterator[None]:
        """Keep other tasks and processes out; waiting can be cancelled at any time.

        Raises:
            TokenStoreError: the lock file cannot be made or locked.
        """
        async with self._lock.current():
            descriptor = self._open_lock()
            try:
                while not self._try_lock(descriptor):  # noqa: ASYNC110  # another process can set no event of ours
                    await asyncio.sleep(_POLL)
                try:
                    yield
                finally:
                    unlock(descriptor)
            finally:
                os.close(descriptor)

    # Opening and trying the lock happens in the loop's own thread: it does not wait, and a thread
    # that outlives its cancelled caller would keep the lock for good.

    def _open_lock(self) -> int:
        try:
            return os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._failure("the lock file cannot be opened", error) from error

    def _try_lock(self, descriptor: int) -> bool:
        try:
            return try_lock(descriptor)
        except OSError as error:
            raise self._failure("the lock file cannot be locked", error) from error

    def _failure(self, what: str, error: OSError) -> TokenStoreError:
        return TokenStoreError(f"{self.path}: {what}: {error.strerror or type(error).__name__}")

    @discreet
    def _read(self) -> Token | None:
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._failure("cannot be read", error) from error
        token = _parse(content)
        if token is None:
            raise TokenStoreError(f"{self.path}: is no token file of this package, or is damaged")
        return token

    @discreet
    def _write(self, token: Token) -> None:
        content = json.dumps(token.to_dict(), indent=2).encode()
        temporary = self.path.with_name(f".{self.path.name}.{os.urandom(8).hex()}.tmp")
        try:
            _write_private(temporary, content)
            temporary.replace(self.path)
            sync_folder(self.path.parent)
        except OSError as error:
            raise self._failure("cannot be written", error) from error
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def _parse(content: bytes) -> Token | None:
    # None instead of an exception: that of `json` carries the whole file, secrets and all.
    try:
        stored = json.loads(content)
        return Token.from_dict(stored) if isinstance(stored, dict) else None
    except (ValueError, RecursionError):
        return None


def _write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
