r"""A help desk on FastAPI: `POST /chats` opens a chat, one for each key, and a bot answers what is said there.

    BITRIX24_WEBHOOK_URL=https://acme.bitrix24.com/rest/1/.../ BOT_TOKEN=... \
    PUBLIC_URL=https://desk.example python examples/fastapi_app.py

The portal posts events to PUBLIC_URL. They wait in EVENTS_FILE (`events.sqlite`) until the bot has handled them, also
while the process is away. HOST and PORT say where to listen.
"""

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import uvicorn
from fastapi import Depends, FastAPI, Request
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel
from starlette.routing import Route

from bitrix_chat import (
    BitrixChat,
    BitrixError,
    BotClient,
    DesiredBot,
    EventRouter,
    Inbox,
    InvalidParameter,
    MessageAdded,
    SqliteEventStore,
    WebhookReceiver,
    application_token_of_bot,
)
from bitrix_chat.embedding.fastapi import B24, ReceiverEndpoint, background, lifespan, stop_server

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

router = EventRouter()
store = SqliteEventStore(os.environ.get("EVENTS_FILE", "events.sqlite"))
receiver = WebhookReceiver(application_token=application_token_of_bot(TOKEN), store=store)


@router.on(MessageAdded)
async def answer(event: MessageAdded) -> None:
    """Say that somebody is going to look at it."""
    await event.answer(f"We are looking at “{event.message.text}”.")


def client() -> BitrixChat:
    """Make the client; an emulated portal on this machine speaks plain http."""
    return BitrixChat.from_env(allow_insecure_loopback="BITRIX24_EMULATOR" in os.environ)


@asynccontextmanager
async def living(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    """Make the bot as it is declared before the first request, and handle what is posted until the last."""
    async with lifespan(client)(app) as state, store:
        b24: BitrixChat = state[B24]
        ensured = await b24.ensure_bot(DESK)
        bot = b24.bot(ensured.bot.id, token=TOKEN)
        async with background(bot.run(router, store=store, source=Inbox(store)), on_failure=stop_server):
            yield {**state, "bot": bot}


async def get_bot(request: Request) -> BotClient:
    """Return the bot, which all requests share like the client."""
    bot: BotClient = request.state.bot
    return bot


class NewChat(BaseModel):
    """The chat that is wanted."""

    key: str
    title: str
    user_ids: list[int]


app = FastAPI(lifespan=living, routes=[Route(EVENTS, ReceiverEndpoint(receiver), methods=["POST"])])


@app.post("/chats")
async def create_chat(wanted: NewChat, bot: Annotated[BotClient, Depends(get_bot)]) -> dict[str, int]:
    """Open the chat of a key, or find it: whoever got no answer asks again."""
    info = await bot.chat.add(title=wanted.title, user_ids=wanted.user_ids, key=wanted.key)
    return {"chat_id": info.chat.id}


@app.exception_handler(BitrixError)
async def refused(_: Request, error: BitrixError) -> PlainTextResponse:
    """Say whose fault it was."""
    if isinstance(error, InvalidParameter):
        return PlainTextResponse(str(error), 400)
    return PlainTextResponse(str(error), 503, {"Retry-After": "30"})


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    uvicorn.run(app, host=os.environ.get("HOST", "127.0.0.1"), port=int(os.environ.get("PORT", "8080")))
