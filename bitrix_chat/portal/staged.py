"""What can be done at the portal from outside besides asking it: its people act, files and applications come."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from types import MappingProxyType
from typing import Final, TypeVar

from bitrix_chat.portal.deliveries import Delivery, DeliveryQueue
from bitrix_chat.portal.event_posts import EventPosts
from bitrix_chat.portal.notifications import NotifyType
from bitrix_chat.portal.oauth import AuthorizationServer
from bitrix_chat.portal.played_user import PlayedUser
from bitrix_chat.portal.state import ADMIN_ID, PortalState

T = TypeVar("T")

_NO_BUTTONS: Final[Mapping[str, str]] = MappingProxyType({})


class Staged:
    """The deeds of a portal; what is awaited happens in its loop, from whatever loop or thread it is awaited."""

    _authorization: AuthorizationServer
    _loop: asyncio.AbstractEventLoop | None
    _posts: EventPosts
    _queue: DeliveryQueue
    _state: PortalState

    def user(self, user_id: int = ADMIN_ID) -> PlayedUser:
        """Return somebody to play.

        Raises:
            ValueError: Nobody works here under this id, or it is a bot, which speaks for itself.
        """
        if not self._state.is_active(user_id) or self._state.users[user_id].bot:
            raise ValueError(f"user {user_id} is nobody to play")
        return PlayedUser(user_id, self._state, self._act)

    @property
    def application_token(self) -> str:
        """What the application's webhooks carry as `auth[application_token]`.

        Those of a bot that was registered over an incoming webhook carry `custom` and its token, cut at 50 characters.
        """
        return self._authorization.application_token

    def add_file(
        self,
        content_type: str = "image/png",
        *,
        name: str = "file",
        content: bytes = b"",
        user_id: int = ADMIN_ID,
        folder_id: int | None = None,
    ) -> int:
        """Put a file on the portal's drive and return its id, as `disk.folder.uploadfile` would.

        Args:
            content_type: What the drive takes it for.
            name: Its name; one that is taken gets a number.
            content: Its bytes.
            user_id: Whose file it is.
            folder_id: A folder that `im.disk.folder.get` answered; None for the user's own storage.

        Raises:
            ValueError: There is no such folder.
        """
        drive = self._state.drive
        folder = drive.storage_of(user_id) if folder_id is None else drive.folder(folder_id)
        if folder is None:
            raise ValueError(f"the drive has no folder {folder_id}")
        return drive.add(folder, name, content, author=user_id, content_type=content_type).id

    def add_notification(
        self, user_id: int, text: str, *, buttons: Mapping[str, str] = _NO_BUTTONS, takes_answers: bool = False
    ) -> int:
        """Notify a user as the portal's own modules do, which can ask for more than REST can, and return the id.

        Args:
            user_id: Whom.
            text: What.
            buttons: Values by title; such a notification waits for `im.notify.confirm`.
            takes_answers: Whether `im.notify.answer` is welcome.
        """
        kind = NotifyType.CONFIRM if buttons else NotifyType.SYSTEM
        added = self._state.notifications.add(
            user_id, 0, text, type=kind, buttons=dict(buttons), takes_answers=takes_answers
        )
        return added.id

    async def install_application(self, url: str, *, user_id: int = ADMIN_ID) -> Delivery:
        """Grant the application new tokens, as if a user had installed it, and post ONAPPINSTALL to `url`."""
        return await self._act(lambda: self._posts.installed(url, user_id))

    async def uninstall_application(self, url: str, *, clean: bool = False) -> Delivery:
        """Take the application's tokens away and post ONAPPUNINSTALL to `url`.

        Args:
            url: Where to.
            clean: Whether its data is to go as well.
        """
        return await self._act(lambda: self._posts.uninstalled(url, clean=clean))

    async def deliver_again(self, delivery: Delivery) -> Delivery:
        """Post the very same body once more, which Bitrix24 never does and a thief can."""
        again = delivery.event, delivery.url, delivery.body
        return await self._act(lambda: self._queue.add(*again, bot_id=delivery.bot_id))

    async def all_delivered(self) -> None:
        """Wait until no webhook is waiting or on its way, whatever became of them."""
        loop = self._loop
        if loop is None or loop is asyncio.get_running_loop():
            await self._queue.settle()
        elif self._queue.running:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._queue.settle(), loop))

    async def _act(self, action: Callable[[], T]) -> T:
        """Run an action where no method runs at the same time."""
        loop = self._loop
        if loop is None or loop.is_closed() or loop is asyncio.get_running_loop():
            return action()
        done: Future[T] = Future()
        loop.call_soon_threadsafe(_run, action, done)
        return await asyncio.wrap_future(done)


def _run(action: Callable[[], T], done: "Future[T]") -> None:
    try:
        done.set_result(action())
    except Exception as error:  # noqa: BLE001 (it belongs to whoever waits)
        done.set_exception(error)
