"""`batch`: how commands are read, what references become, and the shapes of the answer."""

import pytest

from bitrix_chat.portal import PortalPolicy
from bitrix_chat.portal.batch import split_command

EMPTY = {"result": [], "result_error": [], "result_total": [], "result_next": [], "result_time": []}


async def test_commands_run_in_order_and_are_one_hit(ask, portal):
    parts = await ask.batch({"a": "im.chat.add?TITLE=A", "b": "im.chat.add?TITLE=B"})
    assert [portal.chats[parts["result"][key]].title for key in "ab"] == ["A", "B"]
    assert list(parts["result_time"]) == ["a", "b"]
    assert (portal.hits, portal.executions) == (1, {"im.chat.add": 2})


async def test_a_list_of_commands_answers_lists_until_one_fails(ask):
    parts = await ask.batch(["im.chat.add", "im.chat.add"])
    assert isinstance(parts["result"], list)
    assert parts["result_error"] == []
    parts = await ask.batch(["no.such", "im.chat.add"])
    assert list(parts["result"]) == ["1"], "a gap makes it an object"
    assert [error["error"] for error in parts["result_error"]] == ["ERROR_METHOD_NOT_FOUND"]
    assert list(parts["result_time"]) == ["1"], "only successes are timed"


@pytest.mark.parametrize("params", [{}, {"cmd": "im.chat.add"}, {"cmd": []}, {"cmd": {}}])
async def test_no_commands_are_an_empty_success(ask, params):
    assert (await ask("batch", params)).result == EMPTY


async def test_commands_that_are_no_text_are_skipped_but_counted(ask):
    commands = {"odd": {"method": "im.chat.add"}} | {f"c{number}": "im.chat.get" for number in range(50)}
    parts = await ask.batch(commands)
    assert "odd" not in parts["result"]
    assert "odd" not in parts["result_error"]
    assert parts["result_error"] == {
        "c49": {"error": "ERROR_BATCH_LENGTH_EXCEEDED", "error_description": "Max batch length exceeded"}
    }
    assert parts["result"]["c48"] is None, "a null result keeps its key"


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("batch", "ERROR_BATCH_METHOD_NOT_ALLOWED"),
        ("download?x=1", "ERROR_BATCH_METHOD_NOT_ALLOWED"),
        ("upload", "ERROR_BATCH_METHOD_NOT_ALLOWED"),
        ("im.chat.get.json?ENTITY_TYPE=A", "ERROR_METHOD_NOT_FOUND"),
        ("imbot.v2.chat.add", "ERROR_METHOD_NOT_FOUND"),
        ("", "ERROR_METHOD_NOT_FOUND"),
        ("im.message.add?DIALOG_ID=2", "MESSAGE_EMPTY"),
    ],
)
async def test_a_refused_command_stands_in_an_answer_of_status_200(ask, command, code):
    assert (await ask.batch({"c": command}))["result_error"]["c"]["error"] == code


async def test_a_missing_scope_has_no_text_inside_a_batch(ask, portal):
    narrow = portal.add_webhook(scopes=["imbot"])
    reply = await ask("batch", {"cmd": {"c": "im.chat.add"}}, base=narrow)
    assert reply.result["result_error"] == {"c": {"error": "insufficient_scope", "error_description": ""}}
    assert not portal.chats


@pytest.mark.parametrize(
    ("halt", "halts"), [(1, True), ("Y", True), ("N", True), ("false", True), ("0", False), (0, False), (False, False)]
)
async def test_halt_is_true_as_php_sees_truth(ask, portal, halt, halts):
    parts = await ask.batch({"bad": "no.such", "good": "im.chat.add"}, halt=halt)
    assert ("good" not in parts["result"]) is halts
    assert len(portal.chats) == (0 if halts else 1)


async def test_a_command_cannot_bring_its_own_credentials(ask, portal):
    grant = portal.oauth
    parts = await ask.batch({"c": f"imbot.v2.Bot.list?auth={grant.access_token}"})
    assert parts["result_error"]["c"]["error"] == "BOT_TOKEN_NOT_SPECIFIED"


async def test_bots_work_in_a_batch_with_text_for_everything(ask, portal):
    bot = await ask.bot()
    credentials = f"botId={bot['botId']}&botToken={bot['botToken']}"
    parts = await ask.batch(
        {
            "c": f"imbot.v2.Chat.add?{credentials}&fields[title]=T&fields[userIds][]=1&fields[userIds][]=2",
            "m": f"imbot.v2.Chat.Message.send?{credentials}&dialogId=$result[c][chat][dialogId]&fields[message]=Hi",
        }
    )
    chat = portal.chats[parts["result"]["c"]["chat"]["id"]]
    assert chat.members == {1, 2, bot["botId"]}
    assert (chat.messages[-1].author, chat.messages[-1].text) == (bot["botId"], "Hi")


async def test_a_number_sign_ends_the_command_unless_encoded(ask, portal):
    parts = await ask.batch({"a": "im.chat.add?TITLE=Room#7&USERS[]=2", "b": "im.chat.add?TITLE=Room%237"})
    assert portal.chats[parts["result"]["a"]].title == "Room"
    assert portal.chats[parts["result"]["a"]].members == {1}
    assert portal.chats[parts["result"]["b"]].title == "Room#7"


@pytest.mark.parametrize(
    ("command", "path"),
    [
        ("im.chat.add?TITLE=a:80//b", "im.chat.add"),
        ("im.chat.add:80?TITLE=a", "80"),
        ("https://host/im.chat.add?TITLE=a", "/im.chat.add"),
        ("#im.chat.add", ""),
    ],
)
def test_a_command_is_read_as_an_address(command, path):
    assert split_command(command, max_vars=1000)[0] == path


class TestReferences:
    async def test_a_whole_value_takes_the_raw_result(self, ask, portal):
        parts = await ask.batch({"c": "im.chat.add", "u": "im.chat.user.add?CHAT_ID=$result[c]&USERS[]=2"})
        assert portal.chats[parts["result"]["c"]].members == {1, 2}

    async def test_an_embedded_reference_takes_a_number(self, ask, portal):
        parts = await ask.batch({"c": "im.chat.add", "m": "im.message.add?DIALOG_ID=chat$result[c]&MESSAGE=Hi"})
        assert portal.chats[parts["result"]["c"]].messages[-1].text == "Hi"

    async def test_after_a_failure_the_whole_reference_is_every_result_and_leads_to_chat_1(self, ask, portal):
        """PHP makes 1 of the array of results, and chat 1 is the general chat."""
        guest = portal.extranet_user_id
        parts = await ask.batch(
            {
                "ok": "im.chat.add",
                "c": "im.chat.add?USERS[0][x]=1",
                "u": f"im.chat.user.add?CHAT_ID=$result[c]&USERS[]={guest}",
            }
        )
        assert parts["result"]["u"] is True
        assert guest in portal.general_chat.members

    async def test_after_a_failure_with_no_result_at_all_the_array_is_empty(self, ask):
        parts = await ask.batch(
            {"c": "im.chat.add?USERS[0][x]=1", "u": "im.chat.user.add?CHAT_ID=$result[c]&USERS[]=2"}
        )
        assert parts["result_error"]["u"]["error"] == "CHAT_ID_EMPTY"

    async def test_after_a_failure_an_embedded_reference_stays_and_does_no_harm(self, ask):
        parts = await ask.batch(
            {
                "ok": "im.chat.add",
                "c": "im.chat.add?USERS[0][x]=1",
                "m": "im.message.add?DIALOG_ID=chat$result[c]&MESSAGE=Hi",
            }
        )
        assert parts["result_error"]["m"]["error"] == "DIALOG_ID_EMPTY"

    async def test_a_controller_refuses_the_array_that_a_failure_leaves(self, ask):
        bot = await ask.bot()
        credentials = f"botId={bot['botId']}&botToken={bot['botToken']}"
        parts = await ask.batch(
            {
                "ok": "im.chat.add",
                "c": "no.such",
                "g": f"imbot.v2.Chat.get?{credentials}&dialogId=$result[c][chat][dialogId]",
            }
        )
        assert parts["result_error"]["g"]["error"] == "100"

    async def test_a_null_result_cannot_be_stepped_into(self, ask, portal):
        parts = await ask.batch(
            {
                "a": "im.chat.add",
                "g": "im.chat.get?ENTITY_TYPE=A&ENTITY_ID=1",
                "t": "im.chat.add?TITLE=$result[g][ID]",
            }
        )
        assert portal.chats[parts["result"]["t"]].title == "Array"

    @pytest.mark.parametrize(
        ("title", "becomes"),
        [
            ("$result[a]", "2"),
            ("chat$result[a]!", "chat2"),
            ("$result[a],$result[b]", "2"),
            ("$result[a] $result[b]", "2 3"),
            ("costs $result[a] today", "costs 2 today"),
            ("price $total", "price $total"),
            ("just $result", "just $result"),
            ("chat$Result[a]", "chat$Result[a]"),
            ("$results[a]", "2"),
            ("$time[a][date_start]", "2027-01-15T10:00:00+02:00"),
            ("$error[c][error]", "ERROR_METHOD_NOT_FOUND"),
            ("$next[a]", "Array"),
            ("x$next[a]", "x$next[a]"),
            ("$result[]", "$result[]"),
            ("$resul[a]", "$resul[a]"),
        ],
    )
    async def test_there_is_no_escape(self, serve, clock, title, becomes):
        """Whatever is glued to a reference goes with it, and a text that looks like one is one."""
        ask = await serve(clock=clock)
        commands = {"a": "im.chat.add", "b": "im.chat.add", "c": "no.such"}
        parts = await ask.batch(commands | {"t": "im.chat.add?TITLE=" + title.replace(" ", "+")})
        assert ask.portal.chats[parts["result"]["t"]].title == becomes

    async def test_a_reference_in_other_capitals_is_null(self, ask, portal):
        parts = await ask.batch({"a": "im.chat.add", "t": "im.chat.add?COLOR=RED&TITLE=$Result[a]"})
        assert portal.chats[parts["result"]["t"]].title == "Red chat №1"

    async def test_references_reach_into_arrays_of_parameters(self, ask, portal):
        parts = await ask.batch({"p": "profile", "c": "im.chat.add?TITLE=x&USERS[0]=2&USERS[1]=$result[p][ID]"})
        assert portal.chats[parts["result"]["c"]].members == {1, 2}


async def test_a_dying_script_takes_the_whole_batch_with_it_but_not_what_was_done(ask, portal, session):
    commands = {"a": "im.chat.add", "b": "im.chat.add?AVATAR[]=a.png", "c": "im.chat.add"}
    async with session.post(portal.webhook_url + "batch", json={"cmd": commands}) as response:
        assert response.status == 500
    assert len(portal.chats) == 1


async def test_variables_beyond_phps_limit_vanish_from_a_command(serve):
    ask = await serve(policy=PortalPolicy(max_input_vars=3))
    parts = await ask.batch({"c": "im.chat.add?A=1&B=2&C=3&TITLE=lost"})
    assert ask.portal.chats[parts["result"]["c"]].title != "lost"
