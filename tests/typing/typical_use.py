"""What a user of the library writes, with the types they count on; checked by mypy and pyright, never run.

`test_typing.py` runs both over this file, and finds the awaits forgotten in `forgotten.py`.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from typing import assert_type

from bitrix_chat import (
    Account,
    Attachment,
    BatchResult,
    BitrixChat,
    BitrixError,
    Button,
    Call,
    Chat,
    ChatInfo,
    Color,
    CommandInfo,
    CommandResult,
    Counters,
    DialogMessages,
    DownloadLink,
    Entity,
    EventPage,
    Keyboard,
    Message,
    MessageBlock,
    Outcome,
    OutcomeUnknown,
    Reaction,
    RecentItem,
    SentMessage,
    UploadedFile,
    User,
    UserStatus,
    bb_code,
    ref,
)


async def people(b24: BitrixChat) -> None:
    chat_id = await b24.im.chat.add(title="Deal 7", color=Color.MINT, user_ids=[1, 2], entity=Entity("CRM", "DEAL|7"))
    assert_type(chat_id, int)
    assert_type(await b24.im.chat.add(color="mint", type="open"), int)
    assert_type(await b24.im.chat.get(Entity("CRM", "DEAL|7")), int | None)
    assert_type(await b24.im.chat.user.list(chat_id), list[int])
    assert_type(await b24.im.chat.mute(dialog_id="chat5", mute=True), bool)
    assert_type(await b24.im.dialog.get("chat5"), Chat)
    assert_type(await b24.im.dialog.messages.get("chat5", limit=50), DialogMessages)
    assert_type(await b24.im.message.add("chat5", bb_code.bold("Hello")), int)
    assert_type(await b24.im.counters.get(), Counters)
    assert_type(await b24.im.user.list.get([1, 2]), dict[int, User])
    assert_type(await b24.im.user.status.get(), UserStatus | str | None)
    assert_type(await b24.im.department.managers.get([1]), dict[int, list[int]])
    assert_type(await b24.im.department.managers.get([1], user_data=True), dict[int, list[User]])
    assert_type(await b24.user.current(), Account)
    assert_type(await b24.server.time(), datetime)


async def pages(b24: BitrixChat) -> None:
    assert_type(b24.im.dialog.messages.iter_messages("chat5"), AsyncGenerator[Message, None])
    assert_type([message.text async for message in b24.im.dialog.messages.iter_messages("chat5")], list[str])
    async with aclosing(b24.im.dialog.messages.iter_messages("chat5")) as messages:
        assert_type(await anext(messages), Message)
    async for item in b24.im.recent.iter_recent():
        assert_type(item, RecentItem)
        assert_type(item.id, str)
    async for user in b24.im.search.user.iter_users("Ann"):
        assert_type(user.last_activity_date, datetime | None)


async def bots(b24: BitrixChat) -> None:
    bot = b24.bot(456, token="my_bot_token")
    created = await bot.chat.add(title="Support")
    assert_type(created, ChatInfo)
    assert_type(created.chat.date_create, datetime | None)
    keyboard = Keyboard([Button("Open", link="https://portal.example/")])
    sent = await bot.chat.message.send("chat5", "Hello", keyboard=keyboard, attach=Attachment([MessageBlock("Card")]))
    assert_type(sent, SentMessage)
    assert_type(await bot.chat.message.send("chat5", attach=[{"MESSAGE": "raw"}]), SentMessage)
    assert_type(await bot.chat.message.reaction.add(7, Reaction.LIKE), bool)
    assert_type(await bot.command.register("help", title={"en": "Help"}), CommandInfo)
    assert_type(await bot.event.get(limit=100), EventPage)


async def files(b24: BitrixChat) -> None:
    bot = b24.bot(456)
    assert_type(await bot.file.upload("chat5", name="report.pdf", content=Path("report.pdf")), UploadedFile)
    assert_type(await bot.file.download(9), DownloadLink)
    assert_type(await bot.file.read(9), bytes)
    async with b24.im.v2.file.open("chat5", 9) as pieces:
        async for piece in pieces:
            assert_type(piece, bytes)


async def calls_as_values(b24: BitrixChat) -> None:
    one, other = b24.im.chat.add(title="One"), b24.im.dialog.get("chat5")
    assert_type(one, Call[int])
    assert_type(await asyncio.gather(b24.im.chat.add(), b24.im.counters.get()), tuple[int, Counters])
    task = asyncio.create_task(b24.im.chat.add())
    assert_type(await task, int)
    result = await b24.batch([one, other, b24.im.message.add(ref(one), "hello")])
    assert_type(result, BatchResult)
    assert_type(result[one], CommandResult[int])
    assert_type(result[other].unwrap(), Chat)


async def errors(b24: BitrixChat) -> Outcome:
    try:
        await b24.im.chat.add(title="Once").within(30)
    except OutcomeUnknown as error:
        return error.outcome
    except BitrixError as error:
        assert_type(error.code, str | None)
        raise
    return Outcome.DONE
