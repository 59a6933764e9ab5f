"""`bot.ensure`: several processes that start at once all end with the bot as it was declared."""

import asyncio

import pytest

from bitrix_chat import BitrixChat
from bitrix_chat.errors import BotNotRegistered
from bitrix_chat.events.command_spec import CommandSpec
from bitrix_chat.portal import Fault
from bitrix_chat.rest.request import Exchange, Response, Transport
from tests.events.registration_scenes import TOKEN, desired, ensure, told

RAIN = CommandSpec("rain", title={"en": "Will it rain"})
SNOW = CommandSpec("snow", title={"en": "Will it snow"})
WIND = CommandSpec("wind", hidden=True)


class Interfering:
    """A transport on which somebody else acts right before the first call of one method leaves."""

    def __init__(self, b24: BitrixChat, method: str, act) -> None:
        self._inner: Transport = b24._transport
        self._method = method
        self._act = act

    async def send(self, exchange: Exchange) -> Response:
        if exchange.request.method == self._method and self._act is not None:
            act, self._act = self._act, None
            await act()
        return await self._inner.send(exchange)


async def test_ten_that_start_at_once_make_one_bot_with_one_set_of_commands(portal, unlimited):
    declared = desired(commands=(RAIN, SNOW), work_position="Forecasts", with_user_events=True)
    async with asyncio.TaskGroup() as group:
        ensured = [group.create_task(_of_a_process(portal, unlimited, declared)) for _ in range(10)]
    [bot] = portal.bots.values()
    assert {task.result().bot.id for task in ensured} == {bot.id}
    assert [command.name for command in portal._state.commands.of(bot.id)] == ["rain", "snow"]
    assert portal.users[bot.id].work_position == "Forecasts"


async def _of_a_process(portal, unlimited, declared):
    async with portal.client(limiter=unlimited) as b24:
        return await ensure(b24, declared, remove_others=True)


async def test_a_bot_that_appears_right_before_the_registration_is_brought_up_to_date(portal, b24):
    async def register() -> None:
        await b24.imbot.bot.register("weather", name="Old", token=TOKEN)

    ensured = await ensure(BitrixChat.over(Interfering(b24, "imbot.v2.Bot.register", register)))
    assert portal.users[ensured.bot.id].name == "Weather"
    assert len(portal.bots) == 1


async def test_a_registration_refused_since_another_was_quicker_goes_on_with_that_bot(portal, b24):
    async def register() -> None:
        await b24.imbot.bot.register("weather", name="Old", token=TOKEN)
        refusal = {"error": "BOT_REGISTER_FAILED", "error_description": "Bot registration failed"}
        portal.faults.add(Fault(method="imbot.v2.Bot.register", status=400, body=refusal))

    ensured = await ensure(BitrixChat.over(Interfering(b24, "imbot.v2.Bot.register", register)))
    assert (ensured.is_new, told(ensured)) == (False, [("name", "Old", "Weather")])


async def test_a_code_that_another_application_took_meanwhile_is_told(portal, b24):
    async def register() -> None:
        refusal = {"error": "BOT_CODE_ALREADY_TAKEN", "error_description": "taken"}
        portal.faults.add(Fault(method="imbot.v2.Bot.register", status=400, body=refusal))

    with pytest.raises(BotNotRegistered, match="BOT_CODE_ALREADY_TAKEN"):
        await ensure(BitrixChat.over(Interfering(b24, "imbot.v2.Bot.register", register)))


@pytest.mark.parametrize("method", ["imbot.v2.Command.unregister", "imbot.v2.Command.update"])
async def test_a_command_that_another_removes_meanwhile_is_as_declared_in_the_end(portal, b24, method):
    bot_id = (await ensure(b24, desired(commands=(RAIN, SNOW)))).bot.id
    commands = b24.bot(bot_id, token=TOKEN).command
    rain = portal._state.commands.named(bot_id, "rain")

    async def unregister() -> None:
        await commands.unregister(rain.id)

    kept = () if method == "imbot.v2.Command.unregister" else (CommandSpec("rain", title={"en": "Rain?"}),)
    over = BitrixChat.over(Interfering(b24, method, unregister))
    await ensure(over, desired(commands=(*kept, SNOW)), remove_others=True)
    expected = {"snow"} if method == "imbot.v2.Command.unregister" else {"snow", "rain"}
    assert {command.name for command in portal._state.commands.of(bot_id)} == expected


async def test_a_command_that_another_adds_meanwhile_is_brought_up_to_date(portal, b24):
    bot_id = (await ensure(b24)).bot.id
    commands = b24.bot(bot_id, token=TOKEN).command

    async def register() -> None:
        await commands.register("wind", title={"en": "Wind"})

    over = BitrixChat.over(Interfering(b24, "imbot.v2.Command.register", register))
    await ensure(over, desired(commands=(WIND,)))
    [wind] = portal._state.commands.of(bot_id)
    assert wind.hidden
