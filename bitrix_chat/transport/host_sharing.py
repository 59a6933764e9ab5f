"""What clients of all processes of one host share, by small files in a private folder: no server, no set-up."""

import asyncio
import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import Final
from weakref import WeakKeyDictionary, WeakSet, WeakValueDictionary, finalize

from bitrix_chat.auth.stores import FileTokenStore
from bitrix_chat.errors import InvalidParameter, TokenStoreError
from bitrix_chat.limits.bucket import Plan
from bitrix_chat.limits.bucket_file import FILES
from bitrix_chat.limits.file_board import FileBoard
from bitrix_chat.limits.file_limiter import FileRateLimiter
from bitrix_chat.limits.operating import OperatingBudget
from bitrix_chat.limits.shared_operating import SharedOperatingBudget
from bitrix_chat.storage.private_file import PrivateFiles

_TOKENS: Final = PrivateFiles("token file", TokenStoreError)
_UNSAFE: Final = re.compile(r"[^a-z0-9.-]+")
_LONGEST: Final = 60


class _OfLoop:
    """What the clients of one event loop hold together; what none of them holds is known in its file alone."""

    def __init__(self) -> None:
        self.limiters: WeakValueDictionary[Path, FileRateLimiter] = WeakValueDictionary()
        self.budgets: WeakValueDictionary[Path, SharedOperatingBudget] = WeakValueDictionary()
        self.users: dict[Path, WeakSet[HostSharing]] = {}

    def hold(self, path: Path, budget: SharedOperatingBudget) -> SharedOperatingBudget:
        """Know a budget for as long as somebody uses it."""
        self.budgets[path] = budget
        finalize(budget, self.users.pop, path, None).atexit = False
        return budget


_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _OfLoop] = WeakKeyDictionary()


class HostSharing:
    """A `Sharing` between all processes of this user on this host.

    A folder that several containers mount lets these share, as far as they run on one host.

    Args:
        folder: where to keep all files, made if it is not there; it must be on a disk of the host. If not told, limits
            are kept in `$XDG_RUNTIME_DIR/bitrix_chat`, else in `bitrix_chat-<user id>` in the folder for temporary
            files, and tokens where they survive a new start: in `$XDG_STATE_HOME/bitrix_chat/tokens`, else in
            `~/.local/state/bitrix_chat/tokens`.
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        self._told = None if folder is None else Path(folder).expanduser().absolute()
        self._limits = self._told or _runtime_folder()

    def __repr__(self) -> str:
        return f"<HostSharing {self._limits}>"

    def limiter(self, portal: str, plan: Plan | None, egress: str) -> FileRateLimiter:
        """Return this loop's limiter of a portal; all loops and processes count in its file.

        Raises:
            InvalidParameter: another client of this loop has said another plan.
            LimiterFileError: the folder or the file cannot be used.
        """
        FILES.folder(self._limits)
        path = self._limits / f"{_readable(portal)}-{_digest(portal.lower(), egress)}.limit"
        limiters = _of_running_loop().limiters
        limiter = limiters.get(path)
        if limiter is None:
            limiter = limiters[path] = FileRateLimiter(path, plan)
        elif plan is not None and plan != limiter.said:
            if limiter.said is not None:
                raise InvalidParameter(
                    f"`limiter`: {portal} is already limited to {limiter.said} in this event loop, not to {plan}"
                )
            limiter.adopt(plan)
        return limiter

    def budget(self, endpoint: str, limit: float | None) -> OperatingBudget:
        """Return this loop's operating budget of a caller, which tells other processes what it learns.

        Raises:
            LimiterFileError: the folder cannot be used.
        """
        FILES.folder(self._limits)
        path = self._limits / f"{_digest(endpoint, repr(limit))}.operating"
        held = _of_running_loop()
        budget = held.budgets.get(path)
        if budget is None:
            budget = held.hold(path, SharedOperatingBudget(limit, board=FileBoard(path)))
        held.users.setdefault(path, WeakSet()).add(self)
        return budget

    def tokens(self, application: str, portal: str) -> FileTokenStore:
        """Return where the token pair of an application on a portal is kept.

        Raises:
            TokenStoreError: the folder cannot be used, or there is no telling where it would be.
        """
        folder = (self._told or _state_folder()) / "tokens"
        _TOKENS.folder(folder)
        return FileTokenStore(folder / f"{_digest(application, portal)}.json")

    async def close(self) -> None:
        """Tell the others the last of what nobody else here uses; files are let go of with their last user."""
        held = _of_running_loop()
        for path, users in list(held.users.items()):
            users.discard(self)
            if not users:
                held.users.pop(path, None)
                if (budget := held.budgets.get(path)) is not None:
                    await budget.close()


def _of_running_loop() -> _OfLoop:
    return _loops.setdefault(asyncio.get_running_loop(), _OfLoop())


def _readable(host: str) -> str:
    return _UNSAFE.sub("_", host.lower())[:_LONGEST]


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _told_by(variable: str) -> Path | None:
    """Return a folder of the XDG specification, by which one that is not absolute does not count."""
    folder = Path(os.environ.get(variable, ""))
    return folder if folder.is_absolute() else None


def _runtime_folder() -> Path:
    folder = _told_by("XDG_RUNTIME_DIR")
    if folder is not None and folder.is_dir():  # it goes when its user logs out
        return folder / "bitrix_chat"
    user = f"-{os.geteuid()}" if hasattr(os, "geteuid") else ""
    return Path(tempfile.gettempdir()) / f"bitrix_chat{user}"


def _state_folder() -> Path:
    try:
        return (_told_by("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "bitrix_chat"
    except RuntimeError as error:
        raise TokenStoreError(
            "this user has no home folder to keep tokens in; set XDG_STATE_HOME, or share by HostSharing(folder)"
        ) from error
