"""Registering bots and looking them up: `imbot.v2.Bot.*`."""

from typing import Any, Final

from attrs import frozen

from bitrix_chat.converters import CAMEL_ANSWERS, decoder
from bitrix_chat.enums import Background, BotType, Color, EventMode, Gender
from bitrix_chat.errors import InvalidParameter
from bitrix_chat.models.avatar import Avatar, encode_avatar
from bitrix_chat.models.bot import BotInfo, BotPage
from bitrix_chat.resources import arguments
from bitrix_chat.resources.arguments import Id
from bitrix_chat.resources.resource import Resource
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.request import Safety

_registered = decoder(CAMEL_ANSWERS, BotInfo, "imbot.v2.Bot.register")
_got = decoder(CAMEL_ANSWERS, BotInfo, "imbot.v2.Bot.get")
_page = decoder(CAMEL_ANSWERS, BotPage, "imbot.v2.Bot.list")

_PAGE: Final = 50


@frozen
class _Done:
    result: bool


_done = decoder(CAMEL_ANSWERS, _Done, "imbot.v2.Bot.unregister")


def _unregistered(raw: Any) -> bool:
    return _done(raw).result


class BotResource(Resource):
    """`b24.imbot.bot`: the bots of the webhook or application."""

    def register(
        self,
        code: str,
        *,
        name: str,
        token: str | None = None,
        last_name: str | None = None,
        work_position: str | None = None,
        color: Color | str | None = None,
        gender: Gender | str | None = None,
        avatar: Avatar | None = None,
        type: BotType | str | None = None,  # noqa: A002  # the portal's word
        event_mode: EventMode | str | None = None,
        webhook_url: str | None = None,
        is_hidden: bool | None = None,
        is_reactions_enabled: bool | None = None,
        is_support_openline: bool | None = None,
        background_id: Background | str | None = None,
    ) -> Call[BotInfo]:
        """Register a bot; the same code again returns the bot as it is, without updating it.

        Args:
            code: names the bot for ever; unique on the portal.
            name: what users see.
            token: a secret of your choice, at most 40 characters; needed with a webhook, not with OAuth.
            last_name: what users see after the name.
            work_position: shown below the name.
            color: of the bot's avatar where it has none.
            gender: `M` or `F`.
            avatar: image bytes, a `pathlib.Path` or base64 text; at most 5000x5000 pixels.
            type: `bot` by default; `supervisor` and `personal` hear every message of their chats.
            event_mode: `fetch` by default.
            webhook_url: where the portal posts events to; needed with `webhook`.
            is_hidden: not listed among the portal's bots.
            is_reactions_enabled: receives reactions to its messages; true by default.
            is_support_openline: takes part in open lines.
            background_id: of its private chats.

        Raises:
            InvalidParameter: a value that the portal would refuse or drop; nothing was sent.
            BotNotRegistered: the code is taken, or there are 100 bots already.

        Source: `imbot.v2.Bot.register` (scope `imbot`).
        """
        mode = arguments.choice("event_mode", EventMode, event_mode)
        if mode is EventMode.WEBHOOK and not webhook_url:
            raise InvalidParameter("`webhook_url` is needed with event_mode='webhook'", method="imbot.v2.Bot.register")
        properties = {
            "name": arguments.required_text("name", name),
            "lastName": arguments.text("last_name", last_name),
            "workPosition": arguments.text("work_position", work_position),
            "color": arguments.color("color", color),
            "gender": arguments.choice("gender", Gender, gender),
            "avatar": None if avatar is None else encode_avatar(avatar),
        }
        fields = {
            "code": arguments.required_text("code", code),
            "botToken": arguments.bot_token(token, arguments.MAX_BOT_TOKEN),
            "properties": properties,
            "type": arguments.choice("type", BotType, type),
            "eventMode": mode,
            "webhookUrl": arguments.text("webhook_url", webhook_url),
            "isHidden": is_hidden,
            "isReactionsEnabled": is_reactions_enabled,
            "isSupportOpenline": is_support_openline,
            "backgroundId": arguments.choice("background_id", Background, background_id),
        }
        return self._camel("imbot.v2.Bot.register", {"fields": fields}, _registered, Safety.IDEMPOTENT)

    def get(self, bot_id: Id | None = None, *, code: str | None = None, token: str | None = None) -> Call[BotInfo]:
        """Get any bot of the portal by its id or its code.

        Raises:
            InvalidParameter: neither or both are given.
            BotNotFound: there is no such bot.

        Source: `imbot.v2.Bot.get` (scope `imbot`).
        """
        if (bot_id is None) == (code is None):
            raise InvalidParameter("either `bot_id` or `code` is needed, not both", method="imbot.v2.Bot.get")
        params = {
            "botId": None if bot_id is None else arguments.positive_id("bot_id", bot_id),
            "code": None if code is None else arguments.required_text("code", code),
            "botToken": arguments.bot_token(token),
        }
        return self._camel("imbot.v2.Bot.get", params, _got, Safety.SAFE)

    def unregister(self, bot_id: Id, *, token: str | None = None) -> Call[bool]:
        """Remove a bot of yours from the portal. Source: `imbot.v2.Bot.unregister` (scope `imbot`)."""
        params = {"botId": arguments.positive_id("bot_id", bot_id), "botToken": arguments.bot_token(token)}
        return self._camel("imbot.v2.Bot.unregister", params, _unregistered, Safety.IDEMPOTENT)

    def list(
        self,
        *,
        type: BotType | str | None = None,  # noqa: A002  # the portal's word
        limit: int = _PAGE,
        offset: int = 0,
        token: str | None = None,
    ) -> Call[BotPage]:
        """List one page of your bots; `has_next_page` tells whether `offset + limit` has more.

        Source: `imbot.v2.Bot.list` (scope `imbot`).
        """
        kind = arguments.choice("type", BotType, type)
        params = {
            "filter": None if kind is None else {"type": kind},
            "limit": arguments.whole_number("limit", limit, 1),
            "offset": arguments.whole_number("offset", offset, 0),
            "botToken": arguments.bot_token(token),
        }
        return self._camel("imbot.v2.Bot.list", params, _page, Safety.SAFE)
