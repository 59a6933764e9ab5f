"""What can be seen of the emulator from outside: what it was asked, what it did, and what is there now."""

from collections import Counter, deque

from bitrix_chat.portal.deliveries import Delivery, DeliveryQueue
from bitrix_chat.portal.drive import DriveFile
from bitrix_chat.portal.front import Front, Received
from bitrix_chat.portal.limits import LeakyBucket
from bitrix_chat.portal.notifications import Notification
from bitrix_chat.portal.oauth import AuthorizationServer, TokenRequest
from bitrix_chat.portal.rest import RestServer
from bitrix_chat.portal.state import Bot, Chat, PortalState, User


class Observed:
    """The counts and the state of a portal, which it lets others read."""

    _authorization: AuthorizationServer
    _bucket: LeakyBucket
    _front: Front
    _queue: DeliveryQueue
    _rest: RestServer
    _state: PortalState

    @property
    def hits(self) -> int:
        """REST requests received, whatever became of them."""
        return self._front.hits

    @property
    def refused(self) -> int:
        """Hits answered with QUERY_LIMIT_EXCEEDED by the request limiter."""
        return self._front.refused

    @property
    def blocked(self) -> int:
        """Calls refused with OPERATION_TIME_LIMIT, those inside a batch included."""
        return self._rest.blocked

    @property
    def executions(self) -> Counter[str]:
        """How often each method ran, whatever was answered; commands of a batch count, `batch` does not."""
        return self._rest.executions

    @property
    def token_requests(self) -> list[TokenRequest]:
        """Requests to the token endpoint that reached the authorization server."""
        return self._authorization.requests

    @property
    def requests(self) -> deque[Received]:
        """The last REST requests."""
        return self._front.received

    @property
    def deliveries(self) -> deque[Delivery]:
        """The last webhooks of events, oldest first, and what became of each."""
        return self._queue.deliveries

    @property
    def pending_events(self) -> dict[int, list[int]]:
        """By bot or user, the ids of the events they have neither confirmed nor lost to the time."""
        return self._state.events.pending

    @property
    def max_in_flight(self) -> int:
        """The most requests that were being handled at one time."""
        return self._front.max_in_flight

    @property
    def peak_level(self) -> int:
        """The highest level of the request limiter's counter."""
        return self._bucket.peak

    @property
    def chats(self) -> dict[int, Chat]:
        """Chats created since the start, by id; the general chat is not among them."""
        return self._state.chats

    @property
    def general_chat(self) -> Chat:
        """Chat 1, which every portal has."""
        return self._state.general_chat

    @property
    def bots(self) -> dict[int, Bot]:
        """Registered bots by id."""
        return self._state.bots

    @property
    def users(self) -> dict[int, User]:
        """Users by id, bots' accounts included."""
        return self._state.users

    @property
    def files(self) -> dict[int, DriveFile]:
        """Files of the drive by id, with their bytes."""
        return self._state.drive.files

    @property
    def notifications(self) -> dict[int, Notification]:
        """Notifications that nobody has decided or deleted, by id."""
        return self._state.notifications.all

    @property
    def inactive_user_ids(self) -> tuple[int, int]:
        """Two users who were dismissed."""
        return self._state.inactive_user_ids

    @property
    def extranet_user_id(self) -> int:
        """A guest of the portal."""
        return self._state.extranet_user_id
