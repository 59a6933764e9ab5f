"""Mistakes that type checkers find before the portal does, one a line, each marked with the argument it is about."""

from bitrix_chat import BitrixChat


async def mistakes(b24: BitrixChat) -> None:
    await b24.im.chat.add("Title")  # wrong: positional
    await b24.im.chat.user.add("chat5", [1])  # wrong: chat_id
    await b24.im.chat.mute(5, mute="Y")  # wrong: mute
    await b24.im.dialog.get(5)  # wrong: dialog_id
    await b24.bot(456).chat.message.send("chat5", keyboard=5)  # wrong: keyboard
    await b24.im.message.add("chat5", "Hello", template=1)  # wrong: template
    (await b24.im.chat.add()).upper()  # wrong: upper
