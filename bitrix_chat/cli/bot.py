"""`bitrix-chat bot ...`: what bots do, on the paths of `imbot.v2`."""

from cyclopts import App

from bitrix_chat.cli.bot_chat_add import add

chat = App(name="chat", help="Group chats of a bot.")
chat.command(add)

bot = App(name="bot", help="What a bot does: the methods imbot.v2.*.")
bot.command(chat)
