"""Registering bots and looking them up: `imbot.v2.Bot.*`."""

from collections.abc import AsyncGenerator
from typing import Any, Final, Literal

from bitrix_chat.converters import CAMEL_ANSWERS, decoder
from bitrix_chat.enums import Background, BotType, Color, EventMode, Gender
from bitrix_chat.errors import InvalidParameter
from bitrix_chat.models.avatar import Avatar, encode_avatar
from bitrix_chat.models.bot import Bot, BotInfo, BotPage
from bitrix_chat.resources import arguments
from bitrix_chat.resources.answers import wrapped_done
from bitrix_chat.resources.arguments import Id
from bitrix_chat.resources.pagination import pages_by_cursor
from bitrix_chat.resources.resource import Resource
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.literal import NULL, Null
from bitrix_chat.rest.request import Safety
from bitrix_chat.rest.secret import concealed_if_given
from bitrix_chat.rest.tracebacks import discreet

_registered = decoder(CAMEL_ANSWERS, BotInfo, "imbot.v2.Bot.register")
_got = decoder(CAMEL_ANSWERS, BotInfo, "imbot.v2.Bot.get")
_updated = decoder(CAMEL_ANSWERS, BotInfo, "imbot.v2.Bot.update")
_page = decoder(CAMEL_ANSWERS, BotPage, "imbot.v2.Bot.list")
_unregistered = wrapped_done("imbot.v2.Bot.unregister")

_PAGE: Final = 50


class BotResource(Resource):
    """`b24.imbot.bot`: the bots of the webhook or application."""

    @discreet
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
        arguments.required_text("name", name)
        properties = _properties(
            name=name, last_name=last_name, work_position=work_position, color=color, gender=gender, avatar=avatar
        )
        fields = {
            "code": arguments.required_text("code", code),
            "botToken": arguments.bot_token(token, arguments.MAX_BOT_TOKEN),
            "properties": properties,
            "type": arguments.choice("type", BotType, type),
            "eventMode": mode,
            "webhookUrl": arguments.text("webhook_url", webhook_url),
            **_switches(is_hidden, is_reactions_enabled, is_support_openline),
            "backgroundId": arguments.choice("background_id", Background, background_id),
        }
        return self._camel("imbot.v2.Bot.register", {"fields": fields}, _registered)

    @discreet
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
        return self._camel("imbot.v2.Bot.get", params, _got)

    @discreet
    def update(
        self,
        bot_id: Id,
        *,
        token: str | None = None,
        new_token: str | None = None,
        name: str | None = None,
        last_name: str | None = None,
        work_position: str | None = None,
        color: Color | str | None = None,
        gender: Gender | str | None = None,
        avatar: Avatar | None = None,
        event_mode: EventMode | str | None = None,
        webhook_url: str | None = None,
        is_hidden: bool | None = None,
        is_reactions_enabled: bool | None = None,
        is_support_openline: bool | None = None,
        background_id: Background | str | Literal[False] | None = None,
    ) -> Call[BotInfo]:
        """Change a bot of yours; what is not given stays as it is, its code and type for ever.

        Args:
            bot_id: the bot.
            token: the one it has now.
            new_token: another one, at most 40 characters; the old one is void at once, and so are handles with it. With
                it a call of unknown outcome is not repeated: the portal would refuse the old token.
            name: what users see.
            last_name: what users see after the name.
            work_position: shown below the name.
            color: of the bot's avatar where it has none.
            gender: `M` or `F`.
            avatar: image bytes, a `pathlib.Path` or base64 text; at most 5000x5000 pixels.
            event_mode: `fetch` or `webhook`.
            webhook_url: where the portal posts events to.
            is_hidden: not listed among the portal's bots.
            is_reactions_enabled: receives reactions to its messages.
            is_support_openline: takes part in open lines.
            background_id: of its private chats; False removes it, which a batch cannot say.

        Raises:
            InvalidParameter: nothing is given, or a value that the portal would refuse or drop.
            BotNotOwned: the bot is another's, or the token is wrong.
            BotError: the portal does not take the event mode, the address or the avatar.

        Source: `imbot.v2.Bot.update` (scope `imbot`).
        """
        properties = _properties(
            name=name, last_name=last_name, work_position=work_position, color=color, gender=gender, avatar=avatar
        )
        fields = {
            "properties": properties or None,
            **_switches(is_hidden, is_reactions_enabled, is_support_openline),
            "backgroundId": _background(background_id),
            "eventMode": arguments.choice("event_mode", EventMode, event_mode),
            "webhookUrl": arguments.text("webhook_url", webhook_url),
            "botToken": arguments.bot_token(new_token, arguments.MAX_BOT_TOKEN),
        }
        if all(value is None for value in fields.values()):
            raise InvalidParameter("nothing is given that would be changed", method="imbot.v2.Bot.update")
        bot = {"botId": arguments.positive_id("bot_id", bot_id), "botToken": arguments.bot_token(token)}
        safety = Safety.IDEMPOTENT if new_token is None else None
        return self._camel("imbot.v2.Bot.update", {**bot, "fields": fields}, _updated, safety=safety)

    @discreet
    def unregister(self, bot_id: Id, *, token: str | None = None) -> Call[bool]:
        """Remove a bot of yours from the portal. Source: `imbot.v2.Bot.unregister` (scope `imbot`)."""
        params = {"botId": arguments.positive_id("bot_id", bot_id), "botToken": arguments.bot_token(token)}
        return self._camel("imbot.v2.Bot.unregister", params, _unregistered)

    async def iter_bots(
        self,
        *,
        type: BotType | str | None = None,  # noqa: A002  # the portal's word
        limit: int = _PAGE,
        token: str | None = None,
    ) -> AsyncGenerator[Bot, None]:
        """Yield all your bots, asking for `limit` at a time, of which the portal may give fewer.

        Raises:
            CursorStalled: three pages in a row are empty, and each announces another one.

        Source: `imbot.v2.Bot.list` (scope `imbot`).
        """
        token = concealed_if_given(token)
        reached = 0

        def page_at(offset: int | None) -> Call[BotPage]:
            return self.list(type=type, limit=limit, offset=offset, token=token)

        def following(page: BotPage) -> int | None:
            nonlocal reached
            reached += len(page.bots) or limit
            return reached if page.has_next_page else None

        async for page in pages_by_cursor(page_at, following, count=lambda page: len(page.bots)):
            for bot in page.bots:
                yield bot

    @discreet
    def list(
        self,
        *,
        type: BotType | str | None = None,  # noqa: A002  # the portal's word
        limit: int | None = None,
        offset: int | None = None,
        token: str | None = None,
    ) -> Call[BotPage]:
        """List one page of your bots, 50 by default; `has_next_page` tells whether `offset + limit` has more.

        Source: `imbot.v2.Bot.list` (scope `imbot`).
        """
        kind = arguments.choice("type", BotType, type)
        params = {
            "filter": None if kind is None else {"type": kind},
            "limit": None if limit is None else arguments.whole_number("limit", limit, 1),
            "offset": None if offset is None else arguments.whole_number("offset", offset, 0),
            "botToken": arguments.bot_token(token),
        }
        return self._camel("imbot.v2.Bot.list", params, _page)


def _properties(
    *,
    name: str | None,
    last_name: str | None,
    work_position: str | None,
    color: Color | str | None,
    gender: Gender | str | None,
    avatar: Avatar | None,
) -> dict[str, Any]:
    properties = {
        "name": None if name is None else arguments.required_text("name", name),
        "lastName": arguments.text("last_name", last_name),
        "workPosition": arguments.text("work_position", work_position),
        "color": arguments.color("color", color),
        "gender": arguments.choice("gender", Gender, gender),
        "avatar": None if avatar is None else encode_avatar(avatar),
    }
    return {wire_name: value for wire_name, value in properties.items() if value is not None}


def _switches(
    is_hidden: bool | None,  # noqa: FBT001  # these are the values, not switches of the function
    is_reactions_enabled: bool | None,  # noqa: FBT001
    is_support_openline: bool | None,  # noqa: FBT001
) -> dict[str, Any]:
    return {
        "isHidden": arguments.flag("is_hidden", is_hidden),
        "isReactionsEnabled": arguments.flag("is_reactions_enabled", is_reactions_enabled),
        "isSupportOpenline": arguments.flag("is_support_openline", is_support_openline),
    }


def _background(value: Background | str | Literal[False] | None) -> Background | Null | None:
    return NULL if value is False else arguments.choice("background_id", Background, value)
