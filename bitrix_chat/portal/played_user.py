"""A person at the portal, played from outside: types, presses, calls commands, invites.

What they do runs through the methods that answer REST requests, so that every rule of these holds. It counts as no
request: a browser does not ask by webhook.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, Protocol, TypeVar, final

from bitrix_chat.portal.command_uses import commands_in
from bitrix_chat.portal.editing import chat_of, react, take_back
from bitrix_chat.portal.event_log import Happening
from bitrix_chat.portal.messages import Message
from bitrix_chat.portal.methods import Caller, Invocation, all_methods
from bitrix_chat.portal.methods.dialogs import dialog_of_caller
from bitrix_chat.portal.methods.message_actions import run_command
from bitrix_chat.portal.methods.messages import accessible_message
from bitrix_chat.portal.php import PhpValue, intval, strval
from bitrix_chat.portal.reactions import reaction_named
from bitrix_chat.portal.state import PortalState

T = TypeVar("T")

_METHODS: Final = all_methods()
_ELSEWHERE: Final = ("LINK", "APP_ID")


class Stage(Protocol):
    """Where actions take place: in the portal's own loop, whoever asks."""

    def __call__(self, action: Callable[[], T], /) -> Awaitable[T]:
        """Run an action and wait for what it returns."""
        ...


@final
class PlayedUser:
    """Somebody to play, from `Portal.user(user_id)`; works from any loop and thread.

    What the portal refuses is a `Refusal` with its code. What a person could not even try, because there is no such
    button or command, is a LookupError or ValueError.
    """

    def __init__(self, user_id: int, state: PortalState, stage: Stage) -> None:
        self.id = user_id
        self._state = state
        self._stage = stage

    def __repr__(self) -> str:
        return f"<PlayedUser {self.id}>"

    def _invocation(self, params: Mapping[str, PhpValue]) -> Invocation:
        caller = Caller(transport="browser", credential=f"user{self.id}", user_id=self.id, scopes=frozenset({"im"}))
        return Invocation(state=self._state, caller=caller, params=dict(params), methods=_METHODS)

    def _call(self, method: str, params: Mapping[str, PhpValue]) -> Any:
        return _METHODS.find(method).handler(self._invocation(params))

    async def say(self, dialog_id: str | int, text: str, **params: Any) -> int:
        """Send a message and return its id; a line that begins with a registered `/command` uses it.

        Args:
            dialog_id: `chatN`, or the id of whom to talk to.
            text: What to say.
            params: Others of `im.message.add`, in any capitals: `reply_id`, `attach`.
        """
        return await self._stage(lambda: self._say(dialog_id, text, params))

    def _say(self, dialog_id: str | int, text: str, params: Mapping[str, PhpValue]) -> int:
        sent = self._call("im.message.add", {"DIALOG_ID": str(dialog_id), "MESSAGE": text, **params})
        return intval(sent)

    async def use_command(self, dialog_id: str | int, text: str) -> int:
        """Type a command with its parameters, `/report a b`, and return the id of the message.

        Raises:
            LookupError: No bot offers the command there to this user.
        """
        return await self._stage(lambda: self._use_command(dialog_id, text))

    def _use_command(self, dialog_id: str | int, text: str) -> int:
        chat = dialog_of_caller(self._invocation({}), str(dialog_id))
        if not commands_in(self._state, text, chat, self.id):
            raise LookupError(f"nobody offers {text.partition(' ')[0]!r} to user {self.id} in {dialog_id}")
        return self._say(dialog_id, text, {})

    async def edit(self, message_id: int, text: str) -> None:
        """Change one's own message; an empty text deletes it."""
        params: dict[str, PhpValue] = {"MESSAGE_ID": message_id, "MESSAGE": text}
        await self._stage(lambda: self._call("im.message.update", params))

    async def delete(self, message_id: int) -> None:
        """Delete one's own message, or any where one manages."""
        await self._stage(lambda: self._call("im.message.delete", {"MESSAGE_ID": message_id}))

    async def react(self, message_id: int, reaction: str = "like") -> bool:
        """React to a message and tell whether that is new."""
        return await self._stage(lambda: react(self._state, self._seen(message_id), self.id, _stored(reaction)))

    async def take_back(self, message_id: int, reaction: str = "like") -> bool:
        """Take a reaction back and tell whether there was one."""
        return await self._stage(lambda: take_back(self._state, self._seen(message_id), self.id, _stored(reaction)))

    def _seen(self, message_id: int) -> Message:
        message = accessible_message(self._invocation({}), message_id)
        if message is None:
            raise LookupError(f"user {self.id} sees no message {message_id}")
        return message

    async def press(self, message_id: int, button: str | int) -> None:
        """Press a button of a message's keyboard: one with a command, or one that sends a text.

        Args:
            message_id: The message with the keyboard.
            button: Its text, or its place among the buttons from 0.

        Raises:
            LookupError: There is no such message or button.
            ValueError: The button is disabled, opens a link or does something else that the portal never learns.
        """
        await self._stage(lambda: self._press(message_id, "KEYBOARD", button))

    async def choose(self, message_id: int, item: str | int) -> None:
        """Choose an item of a message's menu, as `press` presses a button."""
        await self._stage(lambda: self._press(message_id, "MENU", item))

    def _press(self, message_id: int, part: str, wanted: str | int) -> None:
        message = self._seen(message_id)
        button = _found(message.params.get(part) or [], wanted)
        if button.get("DISABLED") == "Y":
            raise ValueError(f"{wanted!r} is disabled")
        if any(button.get(name) for name in _ELSEWHERE):
            raise ValueError(f"{wanted!r} opens a page, of which the bot learns nothing")
        if button.get("COMMAND"):
            bot_id = intval(button.get("BOT_ID")) or message.author
            name, params = strval(button["COMMAND"]), strval(button.get("COMMAND_PARAMS"))
            call = self._invocation({})
            run_command(call, message_id, bot_id=bot_id, name=name, params=params, context=part.lower())
        elif button.get("ACTION") == "SEND":
            dialog_id = chat_of(self._state, message).dialog_id_for(self.id)
            self._say(dialog_id, strval(button.get("ACTION_VALUE")), {})
        else:
            raise ValueError(f"{wanted!r} does nothing of which the portal learns")

    async def invite(self, chat_id: int, *user_ids: int) -> None:
        """Add people or bots to a chat; they see its history."""
        params: dict[str, PhpValue] = {"CHAT_ID": chat_id, "USERS": list(user_ids), "HIDE_HISTORY": "N"}
        await self._stage(lambda: self._call("im.chat.user.add", params))

    async def leave(self, chat_id: int) -> None:
        """Leave a chat."""
        await self._stage(lambda: self._call("im.chat.leave", {"CHAT_ID": chat_id}))

    async def create_chat(self, title: str = "", user_ids: Iterable[int] = ()) -> int:
        """Open a chat with people or bots and return its id."""
        params: dict[str, PhpValue] = {"TITLE": title, "USERS": list(user_ids)}
        return intval(await self._stage(lambda: self._call("im.chat.add", params)))

    async def open_context(self, bot_id: int, context: Mapping[str, Any]) -> None:
        """Open the private chat with a bot from somewhere that says where one comes from.

        Raises:
            LookupError: There is no such bot.
        """
        await self._stage(lambda: self._open_context(bot_id, context))

    def _open_context(self, bot_id: int, context: Mapping[str, Any]) -> None:
        bot = self._state.bots.get(bot_id)
        if bot is None:
            raise LookupError(f"there is no bot {bot_id}")
        chat = self._state.private_chat(self.id, bot_id)
        details: dict[str, Any] = {"context": dict(context) or []}
        self._state.events.tell(bot, Happening.CONTEXT_GET, chat, self.id, details=details)


def _stored(reaction: str) -> str:
    stored = reaction_named(reaction)
    if stored is None:
        raise LookupError(f"there is no reaction {reaction!r}")
    return stored


def _found(buttons: list[dict[str, PhpValue]], wanted: str | int) -> dict[str, PhpValue]:
    pressable = [button for button in buttons if button.get("TYPE") != "NEWLINE"]
    if isinstance(wanted, int):
        found = pressable[wanted : wanted + 1] if wanted >= 0 else []
    else:
        found = [button for button in pressable if strval(button.get("TEXT")) == wanted]
    if not found:
        raise LookupError(f"there is no {wanted!r} among {[strval(button.get('TEXT')) for button in pressable]}")
    return found[0]
