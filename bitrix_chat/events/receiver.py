"""The door for posted events: it opens for one token, keeps what it lets in before it says yes, and runs nothing.

The portal posts once, reads no answer and proves itself by a token that is the same every time. So whoever saw one
event can post it again, which is why each is remembered; and an event is lost unless it is kept at once, which is why
nothing but keeping happens here.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from types import TracebackType
from typing import Any, Final, Protocol, TypeAlias

from bitrix_chat.errors import InvalidParameter
from bitrix_chat.events.application_token import Proof, TokenCheck, TokenLookup
from bitrix_chat.events.decode import posted_at
from bitrix_chat.events.errors import InboxFull, UntrustedInstallation
from bitrix_chat.events.event_data import with_concealed_auth
from bitrix_chat.events.installation import Installation, allowed_endpoints, installation_of
from bitrix_chat.events.php_forms import FormRefused, is_form, read_form
from bitrix_chat.events.reception import ReceiverResponse, Reception, kept_body, key_of
from bitrix_chat.events.types import AppInstalled
from bitrix_chat.rest.tracebacks import discreet, discreet_coroutine

logger: Final = logging.getLogger("bitrix_chat")

Installations: TypeAlias = Callable[[Installation], Awaitable[bool]]
"""Asked about each installation whether it is accepted; it verifies the tokens with the portal, and stores them."""

WEEK: Final = 7 * 86_400.0
_MOST_INSTALLATIONS: Final = 1000
_READ_AT_ONCE: Final = 1 << 16
_ASKED_AT_A_TIME: Final = 16
"""Installations that nothing has verified yet: what strangers post must not keep events out, nor the portals busy."""


class Keeper(Protocol):
    """Where events are kept until they are handled; every `EventStore` is one."""

    async def keep(self, key: str, body: Mapping[str, Any], *, ttl: float) -> bool:
        """Keep an event durably and return True; False where its key came within the last `ttl` seconds.

        Raises:
            InboxFull: as many wait as there may.
        """
        ...


class WebhookReceiver:
    """Judges the bodies that are posted to a bot's or application's handler, without a server of its own.

    `bot.run(router, source=...)` handles what it keeps. Every refusal is counted in `counts`.

    Args:
        application_token: what every event is verified by, and never optional: the token that the installation named
            (or several), `application_token_of_bot(token)` for a webhook's bot, or a coroutine function that is asked
            with the portal's member id and returns None for one that it does not know.
        store: where events are kept before they are answered.
        installations: asked about installations (`ONAPPINSTALL`) whose portal the token's lookup does not know, which
            nothing can verify, and about those whose token is right. It must call `app.info` with the tokens before it
            stores anything and returns True. Without it an installation is an event like any other, and one
            of an unknown portal is refused. It may be asked again about the same one after a restart.
        hosts: self-hosted portals that installations may come from, `b24.acme.example`; those of the cloud may anyway.
        member_id: the portal that events have to come from, where there is one only.
        domain: likewise, by its domain.
        max_age: seconds that an event's `ts` may be away from now; None does not look. Without it, an event that is
            posted again after `remember` seconds is handled again.
        remember: seconds for which events are remembered, to be handled once.
        max_in_flight: bodies at a time.
        clock: unix time.

    Raises:
        InvalidParameter: the token is missing or empty, or a length of time is none.
    """

    @discreet
    def __init__(
        self,
        *,
        application_token: str | Collection[str] | TokenLookup,
        store: Keeper,
        installations: Installations | None = None,
        hosts: Collection[str] = (),
        member_id: str | None = None,
        domain: str | None = None,
        max_age: float | None = None,
        remember: float = WEEK,
        max_in_flight: int = 1000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        _check_seconds(max_age, remember)
        allowed_endpoints(hosts)
        if isinstance(store, type) or not callable(getattr(store, "keep", None)):
            raise InvalidParameter(
                f"`store` is {type(store).__name__}, not an EventStore; make a SqliteEventStore(path), and give it to"
                " the inbox and the run as well"
            )
        self.store = store
        self._token = TokenCheck(application_token)
        self._installations = installations
        self._hosts = tuple(hosts)
        self._expected = {"member_id": member_id, "domain": domain}
        self._max_age = max_age
        self._remember = remember
        self._max_in_flight = max_in_flight
        self._clock = clock
        self._in_flight = self._asked = 0
        self._counts: Counter[Reception] = Counter()
        self._installed: dict[str, float] = {}

    @property
    def counts(self) -> Mapping[Reception, int]:
        """How many bodies fared in which way since the receiver was made."""
        return {reception: self._counts[reception] for reception in Reception}

    def __repr__(self) -> str:
        return f"<WebhookReceiver {dict(self._counts)}>"

    @discreet_coroutine
    async def handle(self, body: bytes, content_type: str | None = None) -> ReceiverResponse:
        """Judge a body, keep the event in it, and say what to answer; nothing of it is handled here.

        It never raises for what was posted, nor where the store fails, which is answered by 500 and logged.

        Args:
            body: the whole body; a server does well to stop reading behind `MAX_BYTES`, and to call `refused`.
            content_type: the header of this name.
        """
        if self._in_flight >= self._max_in_flight:
            return self._counted(Reception.OVERLOADED)
        self._in_flight += 1
        try:
            return self._counted(await self._judged(body, content_type))
        except Exception as error:  # noqa: BLE001  # whatever a store or a callback raises
            # By its type and place alone: what strangers raise may hold what was posted, and so may frames.
            logger.error("a posted event was not kept: %s %s", type(error).__name__, _place(error.__traceback__))  # noqa: TRY400
            error.__traceback__ = None
            return self._counted(Reception.FAILED)
        finally:
            self._in_flight -= 1

    def refused(self, reception: Reception) -> ReceiverResponse:
        """Count a body that the server has refused before it was complete, and say what to answer.

        Raises:
            InvalidParameter: it is no refusal.
        """
        if reception in {Reception.KEPT, Reception.REPLAYED}:
            raise InvalidParameter(f"`{reception}` is no refusal")
        return self._counted(reception)

    def _counted(self, reception: Reception) -> ReceiverResponse:
        self._counts[reception] += 1
        return ReceiverResponse(reception)

    async def _judged(self, body: bytes, content_type: str | None) -> Reception:
        if not is_form(content_type):
            return Reception.NOT_A_FORM
        try:
            # Much that is percent-encoded takes long to read, whoever has sent it.
            read = read_form(body) if len(body) <= _READ_AT_ONCE else await asyncio.to_thread(read_form, body)
            form = with_concealed_auth(read)
        except FormRefused as refused:
            return Reception.TOO_LARGE if refused.is_too_large else Reception.MALFORMED
        kept = kept_body(form)
        if not kept["event"]:
            return Reception.MALFORMED
        proof = await self._token.judge(form.get("auth"))
        if (refusal := self._refusal(proof, kept)) is not None:
            return refusal
        if kept["event"] == AppInstalled.TYPE and self._installations is not None:
            return await self._installation(form, kept, self._installations)
        return await self._kept(kept)

    def _refusal(self, proof: Proof, kept: Mapping[str, Any]) -> Reception | None:
        may_be_unknown = self._installations is not None and kept["event"] == AppInstalled.TYPE
        if proof is Proof.FORGED:
            return Reception.FORGED
        if proof is Proof.OF_UNKNOWN_PORTAL and not may_be_unknown:
            return Reception.UNKNOWN_PORTAL
        for name, expected in self._expected.items():
            if expected is not None and kept["auth"][name].casefold() != expected.casefold():
                return Reception.WRONG_PORTAL
        return None if self._is_recent(kept) else Reception.TOO_OLD

    def _is_recent(self, kept: Mapping[str, Any]) -> bool:
        if self._max_age is None:
            return True
        posted = posted_at(kept)
        return posted is not None and abs(self._clock() - posted.timestamp()) <= self._max_age

    async def _installation(
        self, form: Mapping[str, Any], kept: Mapping[str, Any], accepts: Installations
    ) -> Reception:
        try:
            installation = installation_of(form, hosts=self._hosts)
        except UntrustedInstallation as error:
            logger.info("%s", error)
            return Reception.UNTRUSTED_INSTALLATION
        if self._asked >= _ASKED_AT_A_TIME:
            return Reception.OVERLOADED
        key = key_of(kept)
        if not self._begins(key):
            return Reception.REPLAYED
        reception = Reception.UNTRUSTED_INSTALLATION
        self._asked += 1
        try:
            if await accepts(installation) is True:
                reception = await self._kept(kept)
        finally:
            self._asked -= 1
            if reception is not Reception.KEPT:
                self._installed.pop(key, None)
        return reception

    def _begins(self, key: str) -> bool:
        """Remember an installation while it is asked about and after it was accepted; False for a known one."""
        now = self._clock()
        if now - self._installed.get(key, -self._remember) < self._remember:
            return False
        self._installed.pop(key, None)
        while len(self._installed) >= _MOST_INSTALLATIONS:
            self._installed.pop(next(iter(self._installed)))
        self._installed[key] = now
        return True

    async def _kept(self, kept: Mapping[str, Any]) -> Reception:
        try:
            is_new = await self.store.keep(key_of(kept), kept, ttl=self._remember)
        except InboxFull:
            return Reception.INBOX_FULL
        return Reception.KEPT if is_new else Reception.REPLAYED


def _check_seconds(max_age: float | None, remember: float) -> None:
    if not remember > 0 or not (max_age is None or max_age > 0):
        raise InvalidParameter("`max_age` and `remember` are seconds, more than 0")
    if max_age is not None and remember < max_age:
        raise InvalidParameter(
            f"`remember` is {remember:g} and `max_age` {max_age:g}: in between, an event could be posted again"
        )


def _place(traceback: TracebackType | None) -> str:
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return "" if traceback is None else f"({traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno})"
