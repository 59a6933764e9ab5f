r"""A help desk on aiohttp.web: `POST /chats` opens a chat, one for each key, and a bot answers what is said there.

    BITRIX24_WEBHOOK_URL=https://acme.bitrix24.com/rest/1/.../ BOT_TOKEN=... \
    PUBLIC_URL=https://desk.example python examples/aiohttp_app.py

The portal posts events to PUBLIC_URL. They wait in EVENTS_FILE (`events.sqlite`) until the bot has handled them, also
while the process is away. HOST and PORT say where to listen.
"""

import logging
import os
from collections.abc import AsyncIterator

from aiohttp import web

from bitrix_chat import (
    BitrixChat,
    BitrixError,
    BotClient,
    DesiredBot,
    EventRouter,
    Inbox,
    MessageAdded,
    SqliteEventStore,
    WebhookReceiver,
    application_token_of_bot,
)
from bitrix_chat.embedding.aiohttp_web import B24, client_context, receiver_handler, stop_server, worker_context

TOKEN = os.environ["BOT_TOKEN"]
EVENTS = "/bitrix24/events"
DESK = DesiredBot(
    code="help_desk",
    name="Help desk",
    token=TOKEN,
    type="supervisor",  # hears all that is said in its chats
    event_mode="webhook",
    webhook_url=os.environ["PUBLIC_URL"] + EVENTS,
)
BOT = web.AppKey("BOT", BotClient)

router = EventRouter()
store = SqliteEventStore(os.environ.get("EVENTS_FILE", "events.sqlite"))
receiver = WebhookReceiver(application_token=application_token_of_bot(TOKEN), store=store)


@router.on(MessageAdded)
async def answer(event: MessageAdded) -> None:
    """Say that somebody is going to look at it."""
    await event.answer(f"We are looking at “{event.message.text}”.")


async def create_chat(request: web.Request) -> web.Response:
    """Open the chat of a key, or find it: whoever got no answer asks again."""
    try:
        wanted = await request.json()
        info = await request.app[BOT].chat.add(title=wanted["title"], user_ids=wanted["user_ids"], key=wanted["key"])
    except (ValueError, KeyError, TypeError) as error:  # InvalidParameter is a ValueError
        raise web.HTTPBadRequest(text="wanted: key, title and user_ids") from error
    except BitrixError as error:
        raise web.HTTPServiceUnavailable(text=str(error), headers={"Retry-After": "30"}) from error
    return web.json_response({"chat_id": info.chat.id})


def client() -> BitrixChat:
    """Make the client; an emulated portal on this machine speaks plain http."""
    return BitrixChat.from_env(allow_insecure_loopback="BITRIX24_EMULATOR" in os.environ)


async def bot_context(app: web.Application) -> AsyncIterator[None]:
    """Make the bot as it is declared, before the first request."""
    ensured = await app[B24].ensure_bot(DESK)
    app[BOT] = app[B24].bot(ensured.bot.id, token=TOKEN)
    async with store:
        yield


async def listen(app: web.Application) -> None:
    """Handle what was posted."""
    await app[BOT].run(router, store=store, source=Inbox(store))


def create_app() -> web.Application:
    """Put the application together."""
    app = web.Application()
    app.cleanup_ctx.extend([client_context(client), bot_context, worker_context(listen, on_failure=stop_server)])
    app.router.add_post("/chats", create_chat)
    app.router.add_post(EVENTS, receiver_handler(receiver))
    return app


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    web.run_app(create_app(), host=os.environ.get("HOST", "127.0.0.1"), port=int(os.environ.get("PORT", "8080")))
