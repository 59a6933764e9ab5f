"""`bot.ensure`: slash commands are added, changed and, only where that is asked for, removed."""

import pytest

from bitrix_chat.errors import InvalidParameter
from bitrix_chat.events.command_spec import CommandSpec
from tests.events.registration_scenes import TOKEN, desired, ensure, told, writes_since

RAIN = CommandSpec("rain", title={"en": "Will it rain"}, params={"en": "city"}, common=True)
SNOW = CommandSpec("/snow", title={"en": "Will it snow"})


def with_commands(*commands, **declared):
    return desired(commands=commands, **declared)


def commands_of(portal, bot_id):
    return {command.name: command for command in portal._state.commands.of(bot_id)}


async def test_declared_commands_are_added_and_told(portal, b24):
    ensured = await ensure(b24, with_commands(RAIN, SNOW))
    assert told(ensured)[-2:] == [("/rain command", None, "/rain"), ("/snow command", None, "/snow")]
    rain = commands_of(portal, ensured.bot.id)["rain"]
    assert (rain.titles, rain.params, rain.common) == ({"en": "Will it rain"}, {"en": "city"}, True)
    assert commands_of(portal, ensured.bot.id).keys() == {"rain", "snow"}


async def test_a_second_time_only_reads(portal, b24):
    await ensure(b24, with_commands(RAIN, SNOW))
    written = writes_since(portal)
    again = await ensure(b24, with_commands(RAIN, SNOW), remove_others=True)
    assert (again.changes, again.rewritten, written()) == ((), (), {})


@pytest.mark.parametrize(
    ("spec", "change"),
    [
        (
            CommandSpec("rain", title={"en": "Ask for rain"}),
            ("/rain title", "Will it rain", {"en": "Ask for rain"}),
        ),
        (
            CommandSpec("rain", title={"en": "Will it rain"}, params={"en": "day"}),
            ("/rain params", "city", {"en": "day"}),
        ),
        (CommandSpec("rain", title={"en": "Will it rain"}, common=False), ("/rain common", True, False)),
        (
            CommandSpec("rain", title={"en": "Will it rain"}, extranet_support=True),
            ("/rain extranet_support", False, True),
        ),
    ],
)
async def test_what_differs_of_a_command_is_written_alone_and_told(portal, b24, spec, change):
    await ensure(b24, with_commands(RAIN))
    written = writes_since(portal)
    assert told(await ensure(b24, with_commands(spec))) == [change]
    assert written() == {"imbot.v2.Command.update": 1}
    [sent] = [each.params["fields"] for each in portal.requests if each.method == "imbot.v2.Command.update"]
    assert len(sent) == 1
    assert (await ensure(b24, with_commands(spec))).changes == ()


async def test_commands_that_are_not_declared_stay(portal, b24):
    bot_id = (await ensure(b24, with_commands(RAIN, SNOW))).bot.id
    assert (await ensure(b24, with_commands(SNOW))).changes == ()
    assert commands_of(portal, bot_id).keys() == {"rain", "snow"}


async def test_commands_that_are_not_declared_are_removed_where_that_is_asked_for(portal, b24):
    bot_id = (await ensure(b24, with_commands(RAIN, SNOW))).bot.id
    ensured = await ensure(b24, with_commands(SNOW), remove_others=True)
    assert told(ensured) == [("/rain command", "/rain", None)]
    assert commands_of(portal, bot_id).keys() == {"snow"}


async def test_the_portals_own_commands_are_never_removed(portal, b24):
    bot = b24.bot((await ensure(b24, with_commands(RAIN))).bot.id, token=TOKEN)
    before = {command.command for command in (await bot.command.list()).commands}
    await ensure(b24, desired(), remove_others=True)
    assert before - {command.command for command in (await bot.command.list()).commands} == {"/rain"}


async def test_texts_in_several_languages_are_written_again_since_the_portal_tells_one(portal, b24):
    spec = CommandSpec("rain", title={"en": "Will it rain", "de": "Regnet es"}, params={"en": "city", "de": "Stadt"})
    bot_id = (await ensure(b24, with_commands(spec))).bot.id
    commands_of(portal, bot_id)["rain"].titles["de"] = "Alt"
    again = await ensure(b24, with_commands(spec))
    assert (again.changes, again.rewritten) == ((), ("/rain title", "/rain params"))
    assert commands_of(portal, bot_id)["rain"].titles["de"] == "Regnet es"


async def test_without_rewriting_further_languages_wait_for_something_that_differs(portal, b24):
    texts = {"en": "Will it rain", "de": "Regnet es"}
    await ensure(b24, with_commands(CommandSpec("rain", title=texts)))
    written = writes_since(portal)
    assert (await ensure(b24, with_commands(CommandSpec("rain", title=texts)), rewrite=False)).rewritten == ()
    assert written() == {}
    changed = CommandSpec("rain", title=texts, common=True)
    assert (await ensure(b24, with_commands(changed), rewrite=False)).rewritten == ("/rain title",)


@pytest.mark.parametrize("hidden", [True, False])
async def test_whether_a_command_is_hidden_is_written_again_since_the_list_does_not_tell(portal, b24, hidden):
    spec = CommandSpec("rain", title={"en": "Will it rain"}, hidden=hidden)
    bot_id = (await ensure(b24, with_commands(spec))).bot.id
    assert commands_of(portal, bot_id)["rain"].hidden is hidden
    commands_of(portal, bot_id)["rain"].hidden = not hidden
    again = await ensure(b24, with_commands(spec))
    assert (again.changes, again.rewritten) == ((), ("/rain hidden",))
    assert commands_of(portal, bot_id)["rain"].hidden is hidden


async def test_a_hidden_command_needs_no_title(portal, b24):
    ensured = await ensure(b24, with_commands(CommandSpec("debug", hidden=True)))
    assert commands_of(portal, ensured.bot.id)["debug"].hidden


async def test_a_dry_run_tells_of_commands_and_writes_nothing(portal, b24):
    bot_id = (await ensure(b24, with_commands(RAIN))).bot.id
    changed = CommandSpec("rain", title={"en": "Ask for rain", "de": "Regnet es"}, hidden=True)
    declared = {"commands": (changed, SNOW)}
    await b24.bot(bot_id, token=TOKEN).command.register("wind", title={"en": "Wind"})
    written = writes_since(portal)
    rehearsed = await ensure(b24, desired(**declared), remove_others=True, dry_run=True)
    assert written() == {}
    performed = await ensure(b24, desired(**declared), remove_others=True)
    assert (rehearsed.changes, rehearsed.rewritten) == (performed.changes, performed.rewritten)
    assert [change.field for change in performed.changes] == ["title", "command", "command"]


async def test_a_dry_run_of_a_new_bot_tells_of_its_commands(b24):
    rehearsed = await ensure(b24, with_commands(RAIN, SNOW), dry_run=True)
    assert rehearsed.changes == (await ensure(b24, with_commands(RAIN, SNOW))).changes


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (lambda: CommandSpec("/"), "`command` is empty"),
        (lambda: CommandSpec(5), "`command` is int, not text"),
        (lambda: with_commands(RAIN, CommandSpec("/rain", hidden=True)), "`commands` has /rain twice"),
        (lambda: with_commands("rain"), r"`commands` holds str, not CommandSpec\(...\)"),
    ],
)
def test_commands_that_cannot_be_declared(make, fault):
    with pytest.raises(InvalidParameter, match=fault):
        make()


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        (CommandSpec("rain"), "command /rain: `title` is needed for a command that is not hidden"),
        (CommandSpec("rain", title="Rain"), "command /rain: `title` is str, not a map"),
        (CommandSpec("rain", title={"en": ""}), r"command /rain: `title\[en\]` is empty"),
        (CommandSpec("rain", hidden=True, common="Y"), "command /rain: `common` is 'Y'"),
    ],
)
async def test_a_command_that_the_portal_would_refuse_asks_it_nothing(portal, b24, spec, fault):
    with pytest.raises(InvalidParameter, match=fault):
        await ensure(b24, with_commands(spec))
    assert portal.hits == 0


def test_a_spec_keeps_what_it_was_given():
    title = {"en": "Will it rain"}
    spec = CommandSpec("rain", title=title)
    title["en"] = "changed later"
    assert spec.declared == {"title": {"en": "Will it rain"}}
    with pytest.raises(TypeError):
        spec.title["en"] = "changed in place"
