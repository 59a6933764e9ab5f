"""A bot's own arrivals in chats tell what it has created, which is how an answer that got lost is found out early."""

import logging
from typing import Final

from bitrix_chat.errors import BitrixError
from bitrix_chat.events.bot_events import JoinedChat
from bitrix_chat.models.chat import Chat
from bitrix_chat.resources.imbot.handle import BotHandle
from bitrix_chat.rest.keys import KEY_ENTITY_TYPE
from bitrix_chat.rest.request import Transport
from bitrix_chat.transport.portal import PortalTransport
from bitrix_chat.transport.reconciling import Reconciling

logger: Final = logging.getLogger("bitrix_chat")


class Sightings:
    """Tells those who look for the chat of a key that an event has shown it.

    The portal tells a bot that it joined the chat that it creates (`ONIMBOTV2JOINCHAT`, with itself as the user). Where
    the event does not show the entity, which holds the key, the chat is asked for it; nothing is asked as long as
    no answer was lost.
    """

    def __init__(self, transport: Transport, bot: BotHandle) -> None:
        self._keys = transport.keys if isinstance(transport, PortalTransport) else None
        self._bot = bot

    async def see(self, event: JoinedChat) -> None:
        """Look at an arrival; what fails here is left to the lookups that go on anyway."""
        if self._keys is None or event.user is None or event.user.id != self._bot.id:
            return
        try:
            if (key := await self._key_of(event.chat.data, self._keys)) is not None:
                await self._keys.sight(key, event.chat.id)
        except BitrixError as error:
            logger.info("bot %s: the chat %s was not looked at (%s)", self._bot.id, event.chat.id, error)

    async def _key_of(self, chat: Chat, keys: Reconciling) -> str | None:
        if not chat.entity_id and chat.entity_type in {"", KEY_ENTITY_TYPE} and await keys.has_lost():
            chat = (await self._bot.chat.get(f"chat{chat.id}").alone()).chat
        return chat.entity_id if chat.entity_type == KEY_ENTITY_TYPE and chat.entity_id else None
