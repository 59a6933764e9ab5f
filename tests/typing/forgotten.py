"""Three calls that are made and never sent; mypy finds each with `unused-awaitable`."""

from bitrix_chat import BitrixChat


async def forgets(b24: BitrixChat) -> None:
    b24.im.chat.add(title="Forgotten")
    b24.bot(456, token="my_bot_token").chat.message.send("chat5", "Forgotten")
    b24.im.dialog.read("chat5")
