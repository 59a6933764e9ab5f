"""Markup is built as the portal reads it, and no text of a stranger becomes markup."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bitrix_chat.errors import InvalidParameter
from bitrix_chat.models import bb_code
from bitrix_chat.models.bb_code import JOINER, Markup, bold, escape, italic

ENTITIES = {
    "&#91;": "[",
    "&#93;": "]",
    "&lt;": "<",
    "&gt;": ">",
    "&#124;": "|",
    "&quot;": '"',
    "&#39;": "'",
    "&amp;": "&",
}
MARKUP = {
    "tag": re.compile(r"\[(?!\u2060)"),  # all tags begin with a letter, a slash or an asterisk
    "link of Markdown": re.compile(r"\]\("),
    "HTML": re.compile(r"</?[a-z]", re.IGNORECASE),
    "line break": re.compile("#BR#", re.IGNORECASE),
    "quoted line": re.compile(r"(?:\A|[\r\n])>>"),
    "quoted message": re.compile("-{54}"),
    "slash command": re.compile(r"\A/\w"),
    "mark of the client": re.compile("####"),
    "replacement pattern": re.compile(r"\$[$&`'\"<>]"),
    "emoji": re.compile(":[0-9a-f]{8}:", re.IGNORECASE),
}
SMILEY = re.compile(r"(?:^|[\s\"<>\]])(?::\)|:-\)|;\)|:D|8-?\)|:facepalm:|>:-<)(?=[\s\"<\[]|$)")
PIECES = [
    "[", "]", "b", "[b]", "[/b]", "[send=/x]", "(", "](", "&", "#91;", "&#91;", "&amp;#91;", "&lt;br&gt;", "<",
    "br", "/>", "<br />", "#", "BR#", "#BR#", "##", "####REPLACEMENT_SEND_0####", ">", ">>", "\n", "\r", "-" * 9,
    "-" * 54, "/", "me", "loud", " ", "\ufeff", "\x00", "$", "`", "'", '"', ":", ")", "8", "f09f9880", ":f09f9880:",
    ";", "a", JOINER,
]  # fmt: skip
strangers = st.text() | st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


def decoded(text):
    """Decode what the server decodes after it has looked for markup."""
    for entity, character in ENTITIES.items():
        text = text.replace(entity, character)
    return text


def read_by_the_portal(text):
    """Name what the portal would take for markup, after the server has decoded what it decodes."""
    text = decoded(text).strip(" \t\n\r\x00\x0b\x0c\xa0\ufeff")
    return {name for name, pattern in MARKUP.items() if pattern.search(text)}


@settings(deadline=None)
@given(strangers)
def test_no_text_becomes_markup(text):
    assert read_by_the_portal(escape(text)) == set()
    assert not SMILEY.search(escape(text))


@settings(deadline=None)
@given(strangers, strangers)
def test_no_two_texts_become_markup_together(first, second):
    assert read_by_the_portal(escape(first) + second) == set()


@settings(deadline=None)
@given(strangers)
def test_an_escaped_text_reads_as_before(text):
    assert escape(text).replace(JOINER, "") == text.replace(JOINER, "")


@settings(deadline=None)
@given(strangers)
def test_escaping_twice_by_mistake_adds_nothing(text):
    assert escape(str(escape(text))) == escape(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [("[b]", "tag"), ("&#91;b&#93;", "tag"), ("x](https://a.example)", "link of Markdown"), ("<br />", "HTML"),
     ("a#BR#b", "line break"), ("a\n>>b", "quoted line"), (" >>b", "quoted line"), ("-" * 54, "quoted message"),
     ("\ufeff/me x", "slash command"), ("####REPLACEMENT_SEND_0####", "mark of the client"),
     ("$`", "replacement pattern"), (":f09f9880:", "emoji")],
)  # fmt: skip
def test_without_escaping_the_same_texts_are_markup(text, name):
    assert name in read_by_the_portal(text)
    assert read_by_the_portal(escape(text)) == set()


@pytest.mark.parametrize(
    "text", ["", "Hello, world!", "12:30 - 14:00", "a & b, 5 > 3, #7, 20 $.", "C&A x", "x: y", "a/b"]
)
def test_ordinary_text_stays_as_it_is(text):
    assert escape(text) == text


@pytest.mark.parametrize("text", [":)", "Hi ;) x", '":-)"', "8) a", "8-)", "a\n:D", ">:-<", "Hi :facepalm:"])
def test_smilies_stay_text(text):
    assert SMILEY.search(text)
    assert not SMILEY.search(escape(text))
    assert JOINER in escape(text)


@pytest.mark.parametrize(
    "text", ["<" * 50_000, "&a" * 50_000, "-" * 100_000, "$" * 100_000, ":" * 100_000, " " * 100_000]
)
def test_long_texts_of_a_stranger_take_no_long_time(text):
    assert len(escape(text)) >= len(text)


def test_markup_is_not_escaped_again():
    assert escape(Markup("[b]")) == "[b]"
    assert bold(italic("a[b")) == f"[b][i]a[{JOINER}b[/i][/b]"
    assert type(bold("a")) is Markup


@pytest.mark.parametrize("text", [5, None, b"a"])
def test_only_text_is_escaped(text):
    with pytest.raises(InvalidParameter, match=f"^`text` is {type(text).__name__}, not text$"):
        escape(text)


def test_adding_joining_and_formatting_escape():
    raw, safe = "[x", f"[{JOINER}x"
    assert bold("a") + raw == f"[b]a[/b]{safe}"
    assert raw + bold("a") == f"{safe}[b]a[/b]"
    assert Markup(", ").join([raw, bold("a")]) == f"{safe}, [b]a[/b]"
    assert Markup("{} {:>4} {n} {n!r}").format(bold("a"), raw, n=5) == f"[b]a[/b]   {safe} 5 5"
    assert Markup("{x}: {y}").format_map({"x": raw, "y": bold("a")}) == f"{safe}: [b]a[/b]"
    assert bb_code.lines(raw, bold("a")) == f"{safe}\n[b]a[/b]"
    for built in (bold("a") + raw, raw + bold("a"), Markup("").join([]), Markup("{}").format(raw)):
        assert type(built) is Markup


def test_markup_with_a_format_specification_is_text_again():
    assert Markup("{:>9}.").format(bold("a")) == f" [{JOINER}b]a[{JOINER}/b]{JOINER}."


def test_what_markup_does_not_know_makes_plain_text():
    assert type(bold("a").upper()) is str
    assert type(f"{bold('a')}") is str
    assert repr(bold("a")) == "Markup('[b]a[/b]')"
    for operation in (lambda: bold("a") + 5, lambda: 5 + bold("a"), lambda: bold("%s") % "a"):
        with pytest.raises(TypeError):
            operation()


@pytest.mark.parametrize(
    ("built", "expected"),
    [
        (bb_code.underline("a"), "[u]a[/u]"),
        (bb_code.strike("a"), "[s]a[/s]"),
        (bb_code.size("a", 20), "[size=20]a[/size]"),
        (bb_code.color("a", "#F00"), "[color=#F00]a[/color]"),
        (bb_code.LINE_BREAK, "[br]"),
        (bb_code.link("https://shop.example/a"), "[url]https://shop.example/a[/url]"),
        (bb_code.link("/company/", bold("a")), "[url=/company/][b]a[/b][/url]"),
        (bb_code.link("mailto:a@shop.example", "a"), "[url=mailto:a@shop.example]a[/url]"),
        (bb_code.mention(7), "[user=7][/user]"),
        (bb_code.mention(7, "Ada"), "[user=7]Ada[/user]"),
        (bb_code.mention(7, escape("Ada :)")), f"[user=7]Ada :{JOINER})[/user]"),
        (bb_code.mention_all("All"), "[user=all]All[/user]"),
        (bb_code.chat_link(5), "[chat=5][/chat]"),
        (bb_code.chat_link(5, "Team\n[b]A"), "[chat=5]Team (b)A[/chat]"),
        (bb_code.open_channel_link(9, "Lead"), "[chat=imol|9]Lead[/chat]"),
        (bb_code.message_link("chat5", 12, "there"), "[context=chat5/12]there[/context]"),
        (bb_code.message_link("1:5", 12, "there"), "[context=1:5/12]there[/context]"),
        (bb_code.quote("a\nb"), ">>a\n>>b"),
        (bb_code.quote(bold("a") + bb_code.LINE_BREAK + "b\r\nc"), ">>[b]a[/b]\n>>b\n>>c"),
        (bb_code.code("x[i] = '[b]'"), "[code]x[i] = '[b]'[/code]"),
        (bb_code.code(bold("a")), "[code][b]a[/b][/code]"),
        (bb_code.code("a && b &#91;/code&#93; &lt;"),
         f"[code]a && b &{JOINER}#91;/code&{JOINER}#93; &{JOINER}lt;[/code]"),
        (bb_code.send("/find a & b; c", "Find &#91;"), f"[send=/find a & b; c]Find &{JOINER}#91;[/send]"),
        (bb_code.send("/start", "Go"), "[send=/start]Go[/send]"),
        (bb_code.send("/start"), "[send=/start]/start[/send]"),
        (bb_code.put("/find ", "Find [x]"), "[put=/find ]Find (x)[/put]"),
        (bb_code.call("+49 30 123"), "[call]+49 30 123[/call]"),
        (bb_code.call("112", "Help!"), "[call=112]Help![/call]"),
        (bb_code.image("/cat.png"), "[img size=medium]/cat.png [/img]"),
        (bb_code.image("/cat.png", "LARGE"), "[img size=large]/cat.png [/img]"),
        (bb_code.icon("/cat.png"), "[icon=/cat.png]"),
        (bb_code.icon("/cat.png", size=30, title="A cat"), "[icon=/cat.png size=30 title=A cat]"),
        (bb_code.icon("/cat.png", width=100, height=1), "[icon=/cat.png width=100 height=1]"),
        (bb_code.timestamp(1_700_000_000), "[timestamp=1700000000 format=SHORT_TIME_FORMAT]"),
        (bb_code.timestamp(datetime(2023, 11, 15, tzinfo=UTC), "LONG_DATE_FORMAT"),
         "[timestamp=1700006400 format=LONG_DATE_FORMAT]"),
        (bb_code.timestamp(datetime(2023, 11, 15, 2, tzinfo=timezone(timedelta(hours=2)))),
         "[timestamp=1700006400 format=SHORT_TIME_FORMAT]"),
        (bb_code.disk_file(3), "[disk=3]"),
    ],
)  # fmt: skip
def test_each_function_writes_its_tag(built, expected):
    assert built == expected
    assert type(built) is Markup


def test_a_quoted_message_has_its_author_time_and_place_in_the_clients_form():
    built = bb_code.quote_message("[x", author="Ada [CEO]", time="12:30", dialog="chat5", message_id=12)
    rule = "-" * 54
    assert built == f"{rule}\nAda (CEO) [12:30] #chat5/12\n[{JOINER}x\n{rule}\n"
    assert bb_code.quote_message(bold("a"), author="Ada", time="12:30") == f"{rule}\nAda [12:30]\n[b]a[/b]\n{rule}\n"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://a.example/?x[1]=2", "https://a.example/?x%5B1%5D=2"),
        ("https://a.example/a b<c>\"'\n", "https://a.example/a%20b%3Cc%3E%22%27%0A"),
        ("https://a.example/\u00a0", "https://a.example/%C2%A0"),
        ("https://a.example/#BR#x#", "https://a.example/#BR%23x%23"),
        ("https://a.example/?a=1&#93;&#91;send", "https://a.example/?a=1&#93%3B&%2391;send"),
        ("https://a.example/?a=1&b=2;c", "https://a.example/?a=1&b=2;c"),
        ("https://пример.example/", "https://пример.example/"),
    ],
)
def test_an_address_cannot_end_its_tag(address, expected):
    assert bb_code.link(address, "a") == f"[url={expected}]a[/url]"


@settings(deadline=None)
@given(strangers)
def test_no_address_of_a_stranger_ends_its_tag(text):
    built = bb_code.link("https://a.example/" + text)
    address = decoded(built.removeprefix("[url]").removesuffix("[/url]"))
    assert not re.search(r"[\[\]<>\s]|#.*#", address)


@settings(deadline=None)
@given(strangers, strangers)
def test_a_stranger_chooses_no_command(label, name):
    built = decoded(bb_code.send("/start", label) + bb_code.mention(7, name))
    assert re.findall(r"\[(?!\u2060)[^\]]*\]", built) == ["[send=/start]", "[/send]", "[user=7]", "[/user]"]
    assert built.count("]") == 4
    assert "\n" not in built


@settings(deadline=None)
@given(strangers, st.sampled_from([bb_code.send, bb_code.put]))
def test_a_command_of_a_stranger_stays_in_its_tag_or_is_refused(command, build):
    try:
        built = decoded(build(command, "Go"))
    except InvalidParameter:
        assert not command.strip() or bb_code._UNSAFE_IN_COMMAND.search(command)
        return
    assert built == f"[{build.__name__}={command}]Go[/{build.__name__}]"
    assert (built.count("["), built.count("]")) == (2, 2)


@settings(deadline=None)
@given(strangers)
def test_code_of_a_stranger_does_not_end_the_block(text):
    content = bb_code.code(text).removeprefix("[code]").removesuffix("[/code]")
    assert decoded(content) == content
    assert not re.search(r"\[/?(?:code|put|send|user)\b|\[br\]|####REPLACEMENT_|\$[$&`'\"<>]", content, re.IGNORECASE)
    assert content.replace(JOINER, "") == text.replace(JOINER, "")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: bb_code.size("a", 7), "`pixels` is 7, but the portal knows sizes from 8 to 30"),
        (lambda: bb_code.size("a", 31), "`pixels` is 31, but the portal knows sizes from 8 to 30"),
        (lambda: bb_code.size("a", "20"), "`pixels` is '20', but the portal knows sizes from 8 to 30"),
        (lambda: bb_code.color("a", "red"), "`color` is 'red', not a HEX colour such as '#29619b' or '#fff'"),
        (lambda: bb_code.link("javascript:x"),
         "`address` starts with none of https://, http://, ftp://, mailto:, tel: and /"),
        (lambda: bb_code.link(5), "`address` is int, not text"),
        (lambda: bb_code.mention(0), "`user_id` is 0, not a whole number above zero"),
        (lambda: bb_code.mention("7"), "`user_id` is '7', not a whole number above zero"),
        (lambda: bb_code.mention(7, bold("Ada")), "`name` has markup, but here the portal shows plain text"),
        (lambda: bb_code.mention_all(" "), "`name` is empty"),
        (lambda: bb_code.chat_link(True), "`chat_id` is True, not a whole number above zero"),
        (lambda: bb_code.open_channel_link(9, ""), "`name` is empty"),
        (lambda: bb_code.message_link("5", 12, "a"),
         "`dialog` is '5', not 'chat5', or '1:5' for the private chat of two users"),
        (lambda: bb_code.message_link("chat5", None, "a"),
         "`message_id` is of type NoneType, not a whole number above zero"),
        (lambda: bb_code.message_link("chat5", 12, ""), "`text` is empty"),
        (lambda: bb_code.quote_message("a", author="", time="12:30"), "`author` is empty"),
        (lambda: bb_code.quote_message("a", author="Ada", time=""), "`time` is empty"),
        (lambda: bb_code.quote_message("a", author="Ada", time="1", dialog="chat5"),
         "`dialog` and `message_id` are given together or not at all"),
        (lambda: bb_code.code(5), "`text` is int, not text"),
        (lambda: bb_code.send(" ", "a"), "`command` is empty"),
        (lambda: bb_code.send("/a]b", "a"), "`command` has ']', which the tag cannot hold"),
        (lambda: bb_code.send("/a &#93;b", "a"), "`command` has '&#93;', which the tag cannot hold"),
        (lambda: bb_code.put("/a &lt;b", "a"), "`command` has '&lt;', which the tag cannot hold"),
        (lambda: bb_code.put("/a\nb", "a"), r"`command` has '\n', which the tag cannot hold"),
        (lambda: bb_code.put("/a $&", "a"), "`command` has '$&', which the tag cannot hold"),
        (lambda: bb_code.send("/a", bold("a")), "`label` has markup, but here the portal shows plain text"),
        (lambda: bb_code.call("call me"), "`number` is no phone number: it may have digits, blanks and + - ( ) . / #"),
        (lambda: bb_code.call("+"), "`number` is no phone number: it may have digits, blanks and + - ( ) . / #"),
        (lambda: bb_code.call(112), "`number` is no phone number: it may have digits, blanks and + - ( ) . / #"),
        (lambda: bb_code.image("/cat.png", "huge"), "`size` is 'huge', not one of small, medium, large"),
        (lambda: bb_code.icon("/cat.png", size=101), "`size` is 101, but an icon has 100 pixels at most"),
        (lambda: bb_code.icon("/cat.png", width=0), "`width` is 0, not a whole number above zero"),
        (lambda: bb_code.icon("/cat.png", title=""), "`title` is empty"),
        (lambda: bb_code.icon("/cat.png", title="a size=9"), "`title` has 'size=', where the portal cuts it off"),
        (lambda: bb_code.timestamp(datetime(2023, 11, 15)), "`moment` has no time zone"),  # noqa: DTZ001
        (lambda: bb_code.timestamp(1.5), "`moment` is of type float, not a whole number above zero"),
        (lambda: bb_code.timestamp(1, "H:i"), "`date_format` is not the name of a format, such as SHORT_TIME_FORMAT"),
        (lambda: bb_code.disk_file(-1), "`file_id` is -1, not a whole number above zero"),
    ],
)  # fmt: skip
def test_what_a_tag_cannot_hold_is_refused(build, message):
    with pytest.raises(InvalidParameter) as caught:
        build()
    assert str(caught.value) == message
