"""Files of chats: what a row may be, and what is wrong with one, by the line where it begins."""

import csv
import io
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitrix_chat import Entity, InvalidParameter
from bitrix_chat.cli import text_files
from bitrix_chat.cli.chat_columns import AvatarFolder
from bitrix_chat.cli.chat_input import ChatFile
from bitrix_chat.cli.chat_rows import read_rows
from bitrix_chat.cli.rehearsal import rehearsing_client

DOT = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108020000009077"
    "53de0000000c4944415408d763f8ffff3f0005fe02fea735d4430000000049454e44ae426082"
)
ONE_OF_EACH = (
    "title,description,color,avatar,user_ids,type,message,entity_type,entity_id,copilot_main_role,key\n"
    "Deal 7,About it,mint,dot.png,3 4,OPEN,Hello,DEAL,7,,\n"
)


def of_users():
    return rehearsing_client().im.chat.add


def of_a_bot():
    return rehearsing_client().bot(25).chat.add


def read(text, kind="csv", add=None, **options):
    return read_rows(text, kind, add or of_users(), **options)


def specs(text, kind="csv", **options):
    rows = read(text, kind, **options)
    assert rows.bad == []
    return [row.spec for row in rows.good]


def bad(text, kind="csv", **options):
    return [(row.line, row.problem) for row in read(text, kind, **options).bad]


def problem(text, kind="csv", **options):
    ((_, said),) = bad(text, kind, **options)
    return said


def test_every_column_becomes_the_attribute_of_its_name(tmp_path):
    (tmp_path / "dot.png").write_bytes(DOT)
    (spec,) = specs(ONE_OF_EACH, folder=AvatarFolder(tmp_path))
    assert spec.given() == {
        "title": "Deal 7",
        "description": "About it",
        "color": "mint",
        "avatar": tmp_path / "dot.png",
        "user_ids": (3, 4),
        "type": "OPEN",
        "message": "Hello",
        "entity": Entity("DEAL", "7"),
    }


def test_an_object_of_json_lines_says_the_same(tmp_path):
    (tmp_path / "dot.png").write_bytes(DOT)
    header, row = (line.split(",") for line in ONE_OF_EACH.splitlines())
    line = json.dumps(dict(zip(header, row, strict=True)) | {"user_ids": [3, 4]})
    folder = AvatarFolder(tmp_path)
    assert specs(line, "jsonl", folder=folder) == specs(ONE_OF_EACH, folder=folder)


def test_an_entity_may_be_an_object_as_a_spec_has_it():
    line = '{"entity": {"type": "DEAL", "id": "7"}}'
    assert specs(line, "jsonl")[0].entity == Entity("DEAL", "7")


@pytest.mark.parametrize("cell", ["1 2 3", "1,2,3", "1;2;3", " 1, 2;\t3 "])
def test_user_ids_are_divided_by_blanks_commas_or_semicolons(cell):
    assert specs(f'user_ids\n"{cell}"\n')[0].user_ids == (1, 2, 3)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_header_tells_the_delimiter(delimiter):
    text = delimiter.join(("title", "key")) + "\n" + delimiter.join(("A", "a")) + "\n"
    assert [(spec.title, spec.key) for spec in specs(text)] == [("A", "a")]


def test_names_of_columns_are_read_in_any_capitals_and_between_blanks():
    assert specs("Title; USER_IDS \nA;5\n")[0].user_ids == (5,)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_counted_with_any_ending_and_within_quotes(end):
    text = end.join(("title,key", f'"two{end}lines",a', "", "only one", f'"and{end}{end}three",c', ""))
    rows = read(text)
    assert [(row.line, row.spec.key) for row in rows.good] == [(2, "a"), (6, "c")]
    assert rows.good[1].spec.title == f"and{end}{end}three"
    assert [row.line for row in rows.bad] == [5]


@pytest.mark.parametrize("empty", ["", "   ", ",", " , "])
def test_empty_rows_are_passed_over(empty):
    assert [spec.title for spec in specs(f"title,key\n{empty}\nA,\n{empty}\n")] == ["A"]


def test_empty_values_are_not_given():
    assert specs('{"title": "A", "color": "", "user_ids": [], "message": null}', "jsonl")[0].given() == {"title": "A"}


def test_a_text_is_kept_to_the_character():
    title = '  "a", b;\té😀 $result[x][y] # & % + \u2028 \x85 '
    quoted = '"' + title.replace('"', '""') + '"'
    assert [spec.title for spec in specs(f"title\n{quoted}\n")] == [title]
    assert [spec.title for spec in specs(json.dumps({"title": title}, ensure_ascii=False), "jsonl")] == [title]


def test_a_cell_may_be_longer_than_csv_takes_by_default():
    message = "m" * 200_000
    assert specs(f"message\n{message}\n")[0].message == message


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (",".join(("T" * 256, "", "", "")), "title has 256 characters, the portal keeps 255"),
        ("A,orange,,", "color is a value which the portal would ignore; it knows red, green"),
        ("A,,0,", "user_ids is wrong: an id is a positive whole number"),
        (f"A,,{'9' * 5000},", "user_ids is wrong: an id is a positive whole number"),
        ("A,,5 x,", "user_ids is wrong: an id is a positive whole number"),
        ("A,,,0", "key may be anything but 0"),
        ("A,,, k", "key begins or ends with white space"),
        ("A,,,0,", "it has 5 columns, and the header 4"),
        ("A,,", "it has 3 columns, and the header 4"),
        ("A\0,,,", "it holds a NUL character"),
        ('"A"B,,,', "a closing quote is followed by something else"),
        ('"A,,,', "a quote is opened and never closed"),
    ],
)
def test_a_row_the_portal_would_cut_or_drop_is_bad(row, said):
    rows = read(f"title,color,user_ids,key\nbefore,,,\n{row}\n")
    assert [(found.line, found.problem[: len(said)]) for found in rows.bad] == [(3, said)]
    assert [found.spec.title for found in rows.good] == ["before"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"title": "A"', "it is no JSON (column 14: Expecting ',' delimiter)"),
        ("[1]", "it is no JSON object"),
        ("7", "it is no JSON object"),
        ('{"title": NaN}', "it holds a value that JSON does not have"),
        ("[" * 100_000, "it holds a value that JSON does not have"),
        ('{"title": "A", "TITLE": "B"}', "title is there twice"),
        ('{"titel": "A"}', "the column 'titel' is unknown; the columns are title, description"),
        ('{"entity": {"kind": "A"}}', "the column 'entity_kind' is unknown"),
        ('{"entity": 7}', "the column 'entity' is unknown"),
        ('{"title": ["A"]}', "title is not text"),
        ('{"title": "\\ud800"}', "a spec holds half of a surrogate pair"),
        ('{"user_ids": 7}', "user_ids is not a list of ids"),
        ('{"user_ids": [true]}', "user_ids is wrong: an id is a positive whole number"),
        ('{"avatar": 7}', "avatar is not the path of a file"),
        ('{"avatar": "a\\u0000b"}', "avatar is not the path of a file"),
        ('{"avatar": "/dev/zero"}', "avatar is outside of the file's folder: --avatars-anywhere allows that"),
        ('{"avatar": "sub/../../dot.png"}', "avatar is outside of the file's folder"),
        ('{"avatar": "nowhere.png"}', "avatar: the file cannot be read"),
        ('{"color": 7}', "color is a value which the portal would ignore"),
        ('{"type": "half"}', "type is not one of"),
        ('{"entity_type": "DEAL"}', "entity_type and entity_id need each other"),
        ('{"entity_id": 7}', "entity_type and entity_id need each other"),
        ('{"entity_type": " ", "entity_id": 7}', "entity_type is empty"),
        ('{"entity_type": "DEAL", "entity_id": 7, "key": "a"}', "key and entity_type are both given"),
        ('{"owner_id": 7}', "owner_id is for the chats of a bot (--bot-id) only"),
    ],
)
def test_a_line_that_is_no_chat_is_bad(line, said):
    ((number, problem),) = bad(f'\n{line}\n{{"title": "after"}}\n', "jsonl")
    assert (number, problem[: len(said)]) == (2, said)


def test_a_number_stands_for_its_digits_where_text_belongs():
    (spec,) = specs('{"title": 7, "key": 1663}', "jsonl")
    assert (spec.title, spec.key) == ("7", "1663")


def test_what_only_one_of_the_two_methods_takes_is_bad_for_the_other():
    assert problem("title,owner_id\nA,5\n") == "owner_id is for the chats of a bot (--bot-id) only"
    assert specs("title,owner_id\nA,5\n", add=of_a_bot())[0].owner_id == 5
    role = "title,copilot_main_role\nA,expert\n"
    assert problem(role, add=of_a_bot()) == "copilot_main_role is for the chats of a user only"
    assert specs(role)[0].copilot_main_role == "expert"


def test_a_key_stands_once_in_a_file_whatever_its_capitals():
    rows = read("title,key\nA,deal-1\nB,deal-2\nC,Deal-1\nD,\nE,\n")
    assert [row.spec.title for row in rows.good] == ["A", "B", "D", "E"]
    ((line, said),) = [(row.line, row.problem) for row in rows.bad]
    assert (line, said.partition(" (")[0]) == (4, "key is the same as in line 2")


def test_the_key_of_a_bad_row_is_free():
    rows = read(f"title,key\n{'T' * 256},a\nB,a\n")
    assert [row.line for row in rows.good] == [3]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_another_column_may_be_the_key(kind):
    text = "title,Deal ID\nA,7\n" if kind == "csv" else '{"title": "A", "Deal ID": 7}'
    assert specs(text, kind, key_column="Deal ID")[0].key == "7"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty: its first line names the columns"),
        ("\n \n", "the file is empty"),
        ("title,USERS\n", "line 1: the column 'USERS' is unknown; the columns are title, "),
        ("\ntitle,,key\n", "line 2: column 2 is unknown"),
        ("https://portal.example/rest/1/SECRETCANARY/\n", "line 1: column 1 is unknown"),
        (f"{'x' * 41}\n", "line 1: column 1 is unknown"),
        ("title,Title\n", "line 1: the column title is there twice"),
        ('"title\n', "line 1, the header: a quote is opened and never closed"),
    ],
)
def test_a_wrong_header_is_refused_as_a_whole(text, said):
    with pytest.raises(InvalidParameter) as caught:
        read(text)
    assert caught.value.description.startswith(said)


def test_a_key_column_that_is_not_there_is_refused():
    with pytest.raises(InvalidParameter, match="--key-column names a column that the header does not have"):
        read("title\n", key_column="deal_id")


def test_a_header_alone_is_no_chats():
    assert specs("title,key\n") == []


@given(st.lists(st.tuples(st.text(), st.text())))
def test_what_the_csv_module_writes_is_read_back_to_the_character(rows):
    file = io.StringIO(newline="")
    csv.writer(file).writerows([("title", "description"), *rows])
    found = read(file.getvalue())
    held = [row for row in rows if "".join(row).strip()]
    assert len(found.bad) == sum("\0" in "".join(row) for row in held)
    assert [(row.spec.title or "", row.spec.description or "") for row in found.good] == [
        row for row in held if "\0" not in "".join(row)
    ]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows_of(name, **options):
    return [row.spec for row in ChatFile(name, **options).rows(of_users())]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_file_is_utf_8_with_or_without_its_mark(folder, encoding):
    (folder / "chats.csv").write_text("title\nGröße 7\n", encoding=encoding)
    assert [spec.title for spec in rows_of("chats.csv")] == ["Größe 7"]


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.JSONL", "a.json"])
def test_the_ending_of_its_name_tells_the_format(folder, name):
    (folder / name).write_text('{"title": "A"}\n', encoding="utf-8")
    assert [spec.title for spec in rows_of(name)] == ["A"]


def test_the_format_may_be_said_instead(folder):
    (folder / "a.csv").write_text('{"title": "A"}\n', encoding="utf-8")
    assert [spec.title for spec in rows_of("a.csv", kind="jsonl")] == ["A"]


def test_an_avatar_is_looked_for_beside_the_file(folder):
    (folder / "sub").mkdir()
    (folder / "sub" / "dot.png").write_bytes(DOT)
    (folder / "sub" / "chats.csv").write_text("avatar\ndot.png\n", encoding="utf-8")
    assert [spec.avatar.read_bytes() for spec in rows_of("sub/chats.csv")] == [DOT]


@pytest.fixture
def elsewhere(folder):
    """A file of chats whose avatars lie outside of its folder: by a path, and by a link."""
    (folder / "sub").mkdir()
    (folder / "dot.png").write_bytes(DOT)
    (folder / "sub" / "link.png").symlink_to(folder / "dot.png")
    (folder / "sub" / "chats.csv").write_text("avatar\n../dot.png\nlink.png\n", encoding="utf-8")
    return "sub/chats.csv"


def test_an_avatar_from_elsewhere_is_a_bad_row(elsewhere, capsys):
    with pytest.raises(InvalidParameter, match="2 rows are wrong"):
        rows_of(elsewhere)
    assert capsys.readouterr().err.splitlines() == [
        f"bitrix-chat: line {line}: avatar is outside of the file's folder: --avatars-anywhere allows that"
        for line in (2, 3)
    ]


def test_avatars_may_be_let_come_from_anywhere(elsewhere):
    assert [spec.avatar.read_bytes() for spec in rows_of(elsewhere, avatars_anywhere=True)] == [DOT, DOT]


def test_an_object_that_says_nothing_is_passed_over_as_an_empty_row_is():
    lines = '{}\n{"title": "A"}\n{"title": null, "user_ids": [], "key": " "}\n{"entity": {}}\n'
    assert [spec.title for spec in specs(lines, "jsonl")] == ["A"]
    assert [spec.title for spec in specs("title,key\n,\nA,\n , \n")] == ["A"]


def test_a_file_that_is_larger_than_any_file_of_chats_is_not_read_to_its_end(folder, monkeypatch):
    monkeypatch.setattr(text_files, "MOST", 2 << 20)
    with pytest.raises(InvalidParameter, match="FILE: the file has more than 2 MiB"):
        rows_of("/dev/zero", kind="csv")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere.csv", "FILE: the file cannot be read (No such file or directory)"),
        ("latin.csv", "FILE: the file cannot be read (it is no UTF-8 text)"),
        ("chats.txt", "--format is needed where FILE ends neither in .csv nor in .jsonl"),
        ("-", "--format is needed"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(folder, name, said):
    (folder / "latin.csv").write_bytes("title\nCafé\n".encode("latin-1"))
    (folder / "chats.txt").write_text("title\nA\n", encoding="utf-8")
    with pytest.raises(InvalidParameter) as caught:
        rows_of(name)
    assert caught.value.description.startswith(said)


def test_a_closed_stdin_is_refused(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InvalidParameter, match="stdin is closed"):
        rows_of("-", kind="csv")


def write_bad(folder, count):
    lines = ["title,color", "A,mint", *[f"B{number},orange" for number in range(count)]]
    (folder / "chats.csv").write_text("\n".join(lines), encoding="utf-8")


@pytest.mark.parametrize(("count", "more"), [(1, ""), (20, ""), (32, "bitrix-chat: and 12 more\n")])
def test_the_first_twenty_bad_rows_are_told_and_the_others_counted(folder, capsys, count, more):
    write_bad(folder, count)
    with pytest.raises(InvalidParameter, match=r"^(1 row is|20 rows are|32 rows are) wrong, and nothing was sent"):
        rows_of("chats.csv")
    told = capsys.readouterr().err.removesuffix(more).splitlines()
    assert [line.split(":")[1] for line in told] == [f" line {number}" for number in range(3, 3 + min(count, 20))]


def test_bad_rows_can_be_left_out(folder, capsys):
    write_bad(folder, 2)
    assert [spec.title for spec in rows_of("chats.csv", skip_bad=True)] == ["A"]
    assert capsys.readouterr().err.endswith("bitrix-chat: 2 rows are left out\n")
