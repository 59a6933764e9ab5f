"""Every method of the library is a command, made from its signature."""

import base64
import inspect
import json
import re
from datetime import datetime

import pytest

from bitrix_chat import Entity, InvalidParameter
from bitrix_chat.cli.branches import BRANCHES
from bitrix_chat.cli.chat_fields import EXAMPLE
from bitrix_chat.cli.methods.kinds import kind_of
from bitrix_chat.portal import Fault
from bitrix_chat.resources.resource import Resource
from bitrix_chat.testing import ScriptedTransport

URL = "https://portal.example/rest/1/SECRETCANARY/"
TOKEN = "SECRETCANARY-OF-A-BOT"
UUID = "0b9f6f0e-6a51-4c1d-9b0e-3f1d5f0a7c11"
MOMENT = "2026-02-03T04:05:06+03:00"
NOT_METHODS = {("batch",): "takes calls, which are no text", ("call",): "a command of its own, with its own options"}
BUTTONS = [{"TEXT": "Yes", "LINK": "https://portal.example/yes"}]


def makes_calls(member):
    return callable(member) and "Call[" in str(inspect.signature(member).return_annotation)


def walk(words, branch):
    for name in dir(branch):
        if name.startswith("_"):
            continue
        member = getattr(branch, name)
        path = (*words, name)
        if makes_calls(member) and path not in NOT_METHODS:
            yield path, member
        if isinstance(member, Resource):
            yield from walk(path, member)


def client():
    return ScriptedTransport().client()


METHODS = dict([*walk((), client()), *walk(("bot",), client().bot(1))])


def commands(path):
    return [word.replace("_", "-") for word in path]


def documentation(member):
    return inspect.getdoc(type(member).__call__ if isinstance(member, Resource) else member)


def test_the_walk_finds_the_library():
    found = {".".join(path) for path in METHODS}
    assert {"im.chat.user.add", "im.notify", "im.dialog.read.all", "bot.chat.message.send", "scope"} <= found
    assert len(found) > 100


def test_the_programs_help_names_exactly_the_branches_of_a_client(command):
    assert set(BRANCHES) == {path[0] for path in METHODS}
    assert re.findall(r"^│ ([a-z]+) +\S", command("--help").out, re.MULTILINE) == sorted(
        {*BRANCHES, "bulk", "call", "demo", "events", "portal", "report", "resume", "worker"}
    )


@pytest.mark.parametrize("path", METHODS, ids=".".join)
def test_every_method_is_a_command_whose_help_says_what_it_does(command, path):
    ran = command(*commands(path), "--help")
    said = " ".join(ran.out.split())
    summary = " ".join(re.split(r"[.;:](?:\s|$)", documentation(METHODS[path]))[0].split())
    assert (ran.code, ran.err) == (0, "")
    assert f"Usage: bitrix-chat {' '.join(commands(path))} " in said
    for part in re.split(r"`[^`]*`|\b(?:None|True|False)\b", summary):
        assert part.strip() in said
    for name in ("dry-run", "url", "token"):
        assert f"--{name}" in said
    assert not {"Reference", "pathlib", "b24"} & set(re.findall(r"\w+", said))


def test_every_group_has_a_help_of_its_own(command):
    groups = {path[:end] for path in METHODS for end in range(1, len(path))}
    for group in groups:
        ran = command(*commands(group), "--help")
        assert (ran.code, "Commands" in ran.out) == (0, True), group
        assert re.search(r"\n\n[A-Z`]", ran.out), group


def test_help_speaks_of_options_where_the_library_speaks_of_parameters(command):
    assert "or with --no-mute begin them again" in command("im", "chat", "mute", "--help").out
    assert "needed unless there is an --attach" in " ".join(command("im", "message", "add", "--help").out.split())
    assert "Chosen by the portal" in command("im", "chat", "add", "--help").out
    assert "One of red, green, mint" in command("im", "chat", "add", "--help").out


def test_a_download_says_what_it_does_with_the_link(command):
    said = command("im", "v2", "file", "download", "--help").out
    assert "--out" in said
    assert "Without it the signed link is printed" in said


def test_only_downloads_take_a_file_to_write(command):
    assert "--out" not in command("im", "chat", "get", "--help").out


@pytest.fixture
def rehearsed(command):
    """Run a command without sending anything, and return what it would send."""

    def rehearsed(words, *values):
        ran = command(*words.split(), *values, "--url", URL, "--dry-run")
        assert ran.code == 0, ran.err
        return ran.json

    return rehearsed


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "dot.png"
    path.write_bytes(base64.b64decode(EXAMPLE["AVATAR"]))
    return path


def request(call):
    return {"method": call.request.method, "params": json.loads(json.dumps(call.request.params))}


@pytest.mark.parametrize(
    ("words", "values", "make"),
    [
        ("im chat user add --chat-id 5 --user-ids 1 2", [], lambda b24: b24.im.chat.user.add(5, [1, 2])),
        ("im chat user add --chat-id 5 --users 1 2", [], lambda b24: b24.im.chat.user.add(5, [1, 2])),
        (
            "im chat user add --user-ids 1 --chat-id 5 --users 2 --no-hide-history",
            [],
            lambda b24: b24.im.chat.user.add(5, [1, 2], hide_history=False),
        ),
        ("im chat mute --chat-id 5 --mute", [], lambda b24: b24.im.chat.mute(5, mute=True)),
        ("im chat mute --dialog-id chat5 --no-mute", [], lambda b24: b24.im.chat.mute(dialog_id="chat5", mute=False)),
        ("im chat mute --chat-id 5", [], lambda b24: b24.im.chat.mute(5)),
        (
            "im chat update-color --chat-id 5 --color lightBlue",
            [],
            lambda b24: b24.im.chat.update_color(5, color="lightBlue"),
        ),
        ("im chat update-title --chat-id 5 --title", ["-5 °C"], lambda b24: b24.im.chat.update_title(5, title="-5 °C")),
        (
            "im chat get --entity-type ORDER --entity-id 7",
            [],
            lambda b24: b24.im.chat.get(Entity("ORDER", "7")),
        ),
        ("im chat add --title Plain", [], lambda b24: b24.im.chat.add(title="Plain")),
        (
            f"im dialog messages search --chat-id 5 --order desc --date-from {MOMENT} --limit 7",
            [],
            lambda b24: b24.im.dialog.messages.search(
                5, order="DESC", date_from=datetime.fromisoformat(MOMENT), limit=7
            ),
        ),
        ("im dialog read --dialog-id chat5", [], lambda b24: b24.im.dialog.read("chat5")),
        ("im dialog read all", [], lambda b24: b24.im.dialog.read.all()),
        ("im notify --user-id 3 --message Hello", [], lambda b24: b24.im.notify(3, "Hello")),
        ("im notify get --last-id 9 --last-type 3", [], lambda b24: b24.im.notify.get(last_id=9, last_type=3)),
        (
            "im message add --dialog-id chat5 --message Hi --keyboard",
            [json.dumps(BUTTONS)],
            lambda b24: b24.im.message.add("chat5", "Hi", keyboard=BUTTONS),
        ),
        ("im message update --message-id 4 --keyboard false", [], lambda b24: b24.im.message.update(4, keyboard=False)),
        (
            "user get --select ID NAME --filter",
            ["{'ACTIVE': true}"],
            lambda b24: b24.user.get(select=["ID", "NAME"], filter={"ACTIVE": True}),
        ),
        ("imbot bot list --limit 10", [], lambda b24: b24.imbot.bot.list(limit=10)),
        (
            "imbot bot update --bot-id 8 --background-id false",
            [],
            lambda b24: b24.imbot.bot.update(8, background_id=False),
        ),
        (
            "bot chat message send --bot-id 8 --dialog-id chat5 --message Hello",
            [],
            lambda b24: b24.bot(8).chat.message.send("chat5", "Hello"),
        ),
        (
            "bot chat message send --bot-id 8 --dialog-id chat5 --forward-ids 10 11",
            [],
            lambda b24: b24.bot(8).chat.message.send("chat5", forward_ids=[10, 11]),
        ),
        (
            "bot chat message send --bot-id 8 --dialog-id chat5 --forward-ids",
            [json.dumps({UUID: 10})],
            lambda b24: b24.bot(8).chat.message.send("chat5", forward_ids={UUID: 10}),
        ),
        (
            "bot chat message reaction add --bot-id 8 --message-id 3 --reaction newOne",
            [],
            lambda b24: b24.bot(8).chat.message.reaction.add(3, "newOne"),
        ),
        ("scope --full", [], lambda b24: b24.scope(full=True)),
        ("profile", [], lambda b24: b24.profile()),
    ],
)
def test_a_command_sends_what_the_library_sends(rehearsed, words, values, make):
    assert rehearsed(words, *values) == request(make(client()))


def test_a_picture_and_a_file_are_given_by_their_paths(rehearsed, picture):
    b24 = client()
    assert rehearsed("im chat add --avatar", picture) == request(b24.im.chat.add(avatar=picture))
    assert rehearsed("im v2 file upload --dialog-id chat5 --name dot.png --content", picture) == request(
        b24.im.v2.file.upload("chat5", name="dot.png", content=picture)
    )


def test_structured_values_may_stand_in_a_file(rehearsed, tmp_path):
    path = tmp_path / "keyboard.json"
    path.write_text(json.dumps(BUTTONS))
    sent = rehearsed("im message add --dialog-id chat5 --message Hi --keyboard", f"@{path}")
    assert sent == request(client().im.message.add("chat5", "Hi", keyboard=BUTTONS))


def test_secrets_are_masked_wherever_they_come_from(command, monkeypatch, tmp_path):
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    monkeypatch.setenv("BITRIX24_BOT_TOKEN", TOKEN)
    for words in (
        ["imbot", "bot", "register", "--code", "c", "--name", "n", "--bot-token", f"@{path}"],
        ["imbot", "bot", "update", "--bot-id", "8", "--bot-token", "old", "--new-token", f"@{path}"],
        ["imbot", "bot", "get", "--bot-id", "8"],
        ["bot", "chat", "get", "--bot-id", "8", "--dialog-id", "chat5"],
    ):
        ran = command(*words, "--url", URL, "--dry-run")
        assert ran.out.count('"botToken": "***"') == 1 + ("--new-token" in words)
        assert "SECRETCANARY" not in ran.text


def test_a_token_of_the_command_line_goes_before_the_environments(command, portal, monkeypatch, bot_id):
    monkeypatch.setenv("BITRIX24_BOT_TOKEN", "another")
    words = ("bot", "command", "list", "--bot-id", bot_id, "--url", portal.webhook_url)
    assert command(*words).code == 1
    assert command(*words, "--bot-token", TOKEN).code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("im chat user add --chat-id 5", "--user-ids is missing"),
        ("im chat user add --chat-id five --user-ids 1", "--chat-id is not a whole number"),
        ("im chat user add --chat-id 1.5 --user-ids 1", "--chat-id is not a whole number"),
        ("im chat user add --chat-id 0x10 --user-ids 1", "--chat-id is not a whole number"),
        ("im chat user add --chat-id 5 --user-ids 1 25.7", "--user-ids is not a whole number"),
        ("im chat user add --chat-id 5 --user-ids 1_0", "--user-ids is not a whole number"),
        ("im notify get --last-type 1.2 --last-id 1", "--last-type is not one of 1, 3"),
        ("im chat user add --chat-id 5 --users", "--user-ids needs a value"),
        ("im chat user add --chat-id 0 --users 1", "--chat-id is wrong: an id is a positive whole number"),
        ("im chat user add --chat-id 5 --users 1 0", "--user-ids is wrong: an id is a positive whole number"),
        ("im chat leave --chat-id 5 SECRETCANARY", "more words"),
        ("im chat leave --chat-id 5 --chat 5", "--chat is unknown"),
        ("im chat nonsense", "no such command"),
        (
            "im chat update-color --chat-id 5 --color orange",
            "--color is a value which the portal would ignore; it knows red",
        ),
        ("im chat update-color --chat-id 5 --color SECRETCANARY", "it knows red, green"),
        ("im chat mute --dialog-id SECRETCANARY", "--dialog-id is wrong: a dialog id is text such as"),
        ("im chat mute", "either --chat-id or --dialog-id is needed"),
        ("im chat update-title --chat-id 5 --title --dry-run", "--title needs a value, but an option follows"),
        ("im message add --dialog-id chat5 --message --no-system", "--message needs a value, but an option follows"),
        ("im chat get --entity-type ORDER", "--entity-id is missing"),
        ("im chat add --entity-type ORDER", "--entity-type and --entity-id need each other"),
        (f"im chat add --entity-type {'x' * 51} --entity-id 1", "--entity-type has 51 characters"),
        ("im chat add --entity-type ORDER --entity-id=", "--entity-id is empty"),
        ("im chat add --avatar nowhere.png", "--avatar: the file cannot be read"),
        ("im message add --dialog-id chat5", "--message or --attach is needed"),
        ("im message add --dialog-id chat5 --keyboard SECRETCANARY", "--keyboard: the file cannot be read"),
        ("im message add --dialog-id chat5 --keyboard {SECRETCANARY", "--keyboard is no JSON"),
        ("im notify get --last-type 2 --last-id 1", "--last-type is not one of 1, 3"),
        ("im recent list --last-message-date yesterday", "--last-message-date is no moment in ISO 8601"),
        ("im recent list --last-message-date 2026-02-03T04:05:06", "--last-message-date has no time zone"),
        (
            "imbot bot register --code c --name n --event-mode webhook",
            "--webhook-url is needed with --event-mode webhook",
        ),
        ("im chat add --avatar /dev/zero", "--avatar: the file cannot be read (it is no regular file)"),
        ("imbot bot get --bot-id 8 --code c", "either --bot-id or --code is needed"),
        (f"imbot bot register --code c --name n --bot-token {'x' * 41}", "--bot-token has 41 characters"),
        ("imbot bot get --bot-id 8 --bot-token @nowhere", "--bot-token: the file cannot be read"),
        ("bot chat leave --bot-id 0 --dialog-id chat5", "--bot-id is wrong: an id is a positive whole number"),
        ("bot chat leave --dialog-id chat5", "--bot-id is missing"),
        ("bot chat message send --bot-id 8 --dialog-id chat5 --forward-ids x", "--forward-ids is neither"),
        ("bot chat message send --bot-id 8 --dialog-id chat5 --forward-ids 1.2", "--forward-ids is neither"),
        (
            "bot chat message send --bot-id 8 --dialog-id chat5 --forward-ids {'SECRETCANARY':1}",
            "a key of --forward-ids is no lower-case UUIDv4, which alone the portal takes for a key.",
        ),
        (
            f"bot chat message send --bot-id 8 --dialog-id chat5 --forward-ids {{'{UUID}':-1}}",
            "--forward-ids is wrong: an id is a positive whole number",
        ),
        (
            f"im message add --dialog-id chat5 --message x --system --template-id {UUID}",
            "--template-id is given with --system, where",
        ),
        ("bot file download --bot-id 8 --file-id 3 --out /nowhere/file", "--out cannot be written"),
    ],
)
def test_wrong_input_is_refused_by_the_name_of_its_option(command, words, said):
    ran = command(*words.split(), "--url", URL)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert said in ran.err
    assert "SECRETCANARY" not in ran.err


@pytest.mark.parametrize(
    ("hint", "words", "value"),
    [
        (int | str, "7", 7),
        (int | str, "seven", "seven"),
        (float | None, 0.5, 0.5),
        (list[datetime], [MOMENT], [datetime.fromisoformat(MOMENT)]),
        (dict[str, int] | None, "null", None),
        (list[dict[str, int]], "[{'a': 1}]", [{"a": 1}]),
    ],
)
def test_values_are_read_as_their_type_says(hint, words, value):
    assert kind_of(hint).read("--x", words) == value


def test_a_token_of_the_environment_is_never_taken_for_the_path_of_a_file(command, monkeypatch):
    monkeypatch.setenv("BITRIX24_BOT_TOKEN", "@token")
    assert command("imbot", "bot", "get", "--bot-id", "8", "--url", URL, "--dry-run").code == 0


def test_a_type_that_no_option_can_write_is_a_mistake_of_ours():
    with pytest.raises(TypeError, match="command line"):
        kind_of(bool | datetime)


@pytest.fixture
def bot_id(command, portal):
    words = ("imbot", "bot", "register", "--code", "helper", "--name", "Helper", "--bot-token", TOKEN)
    return command(*words, "--url", portal.webhook_url).json["result"]["bot"]["id"]


@pytest.fixture
def real(command, portal):
    """Run a command on the emulated portal and return the raw result."""

    def real(words, *values):
        return command(*words.split(), *values, "--url", portal.webhook_url).json["result"]

    return real


def test_people_chat(real, portal):
    chat_id = real("im chat add --title Planning --users 2")
    assert real(f"im chat user add --chat-id {chat_id} --users 10") is True
    assert portal.chats[chat_id].members == {1, 2, 10}
    message_id = real(f"im message add --dialog-id chat{chat_id} --message", "-1 is a number")
    assert [message.text for message in portal.chats[chat_id].messages if message.id == message_id] == [
        "-1 is a number"
    ]
    assert real("user current")["ID"] == "1"
    assert "im" in real("scope")


def test_a_bot_writes(real, portal, bot_id, monkeypatch):
    monkeypatch.setenv("BITRIX24_BOT_TOKEN", TOKEN)
    chat_id = real(f"bot chat add --bot-id {bot_id} --title Support --users 1")["chat"]["id"]
    real(f"bot chat message send --bot-id {bot_id} --dialog-id chat{chat_id} --message Hello")
    assert portal.chats[chat_id].messages[-1].text == "Hello"


@pytest.fixture
def uploaded(real, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_bytes(b"some notes")
    chat_id = real("im chat add --title Files")
    file = real(f"im v2 file upload --dialog-id chat{chat_id} --name notes.txt --content", path)["file"]
    return f"im v2 file download --dialog-id chat{chat_id} --file-id {file['id']}"


def test_a_file_is_saved_and_its_link_shown_to_nobody(command, portal, uploaded, tmp_path):
    out = tmp_path / "saved.txt"
    ran = command(*uploaded.split(), "--out", out, "--url", portal.webhook_url)
    assert ran.json == {"saved": str(out), "bytes": 10}
    assert out.read_bytes() == b"some notes"
    assert "token" not in ran.text


def test_without_a_place_for_it_the_link_to_a_file_is_printed(real, uploaded):
    assert "download" in real(uploaded)["downloadUrl"]


def test_a_place_that_becomes_unwritable_is_wrong_usage(command, portal, uploaded, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    ran = command(*uploaded.split(), "--out", tmp_path / "saved.txt", "--url", portal.webhook_url)
    assert (ran.code, ran.out) == (2, "")
    assert "--out cannot be written (No space left on device)" in ran.err


def test_a_download_that_takes_too_long_is_no_fault_of_its_place(command, portal, uploaded, tmp_path):
    portal.faults.add(Fault(method="im.v2.File.download", delay=30))
    ran = command(*uploaded.split(), "--out", tmp_path / "saved.txt", "--timeout", "0.3", "--url", portal.webhook_url)
    assert ran.code == 3
    assert "not done within 0.3 s" in ran.err
    assert "--out" not in ran.err


def test_a_place_that_the_library_refuses_is_named_by_its_option(command, portal, uploaded, monkeypatch):
    async def refuse(*_, **__):
        raise InvalidParameter("`path` is no place for a file")

    monkeypatch.setattr("bitrix_chat.resources.im.v2.FileResource.save", refuse)
    ran = command(*uploaded.split(), "--out", "saved.txt", "--url", portal.webhook_url)
    assert (ran.code, ran.err) == (2, "bitrix-chat: --out is no place for a file.\n")


def test_an_id_that_no_docstring_speaks_of_has_a_help_all_the_same(command):
    assert "The number of the message. [required]" in command("im", "message", "like", "--help").out
    assert "The numbers of the users." in command("bot", "chat", "manager", "add", "--help").out


def test_a_deprecated_method_says_on_stderr_what_to_use(command):
    ran = command("im", "disk", "folder", "get", "--chat-id", "5", "--url", URL, "--dry-run")
    assert ran.json["method"] == "im.disk.folder.get"
    assert ran.err.startswith("bitrix-chat: deprecated: ")
    assert "b24" not in ran.err


def test_the_methods_are_not_looked_at_until_one_is_asked_for(script):
    ran = script("--help", PYTHONPROFILEIMPORTTIME="1")
    assert "im   " in ran.out
    assert "bitrix_chat.cli.branches" in ran.err
    assert not re.findall(r"bitrix_chat\.(?:resources|client|cli\.methods)\b", ran.err)


def test_a_branch_that_the_help_does_not_list_is_a_command_all_the_same(command, monkeypatch):
    from bitrix_chat.cli import program

    monkeypatch.delitem(program.app._commands, "server")
    assert "server" not in command("--help").out
    assert "REST method: server.time" in command("server", "time", "--help").out
