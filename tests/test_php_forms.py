"""The twenty-eight ways in which PHP says something else than it means, and what the client makes of each.

Most are read through a method of the client; what belongs to no method (error codes, the `time` of an answer, an
error within a 200) at the place that reads it.
"""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from bitrix_chat import BitrixChat, Entity, InvalidParameter, NotFound, RestError, User, WrongArgument
from bitrix_chat.auth.answers import Answer, token_or_error
from bitrix_chat.errors import ReauthorizationRequired
from bitrix_chat.models.chat import Chat, EntityLink
from bitrix_chat.models.file import FileImage
from bitrix_chat.rest.accounting import by_name
from bitrix_chat.rest.envelope import open_envelope
from bitrix_chat.rest.request import Response
from bitrix_chat.testing import ScriptedTransport

CHAT = {"id": 5, "dialogId": "chat5", "name": "Harbour"}
USER = {"id": 3, "name": "Ada"}


def client(**answers) -> BitrixChat:
    """A client whose portal answers each method (`im_chat_get`) with the given result or envelope."""
    return ScriptedTransport({name.replace("__", "."): answer for name, answer in answers.items()}).client()


def bot_client(**answers):
    return client(**{f"imbot__v2__{name}": answer for name, answer in answers.items()}).bot(456)


async def chat_of(**fields) -> Chat:
    return (await bot_client(Chat__get={"chat": CHAT | fields}).chat.get("chat5")).chat


async def test_1_an_empty_map_comes_as_a_list():
    sent = await bot_client(Chat__Message__send={"id": 7, "uuidMap": []}).chat.message.send("chat5", "Hello")
    assert sent.uuid_map == {}
    empty = {"TYPE": {"ALL": 0}, "CHAT": [], "CHAT_MUTED": [], "LINES": [], "DIALOG": []}
    assert (await client(im__counters__get=empty).im.counters.get()).chat == {}
    assert (await chat_of(entityLink=[])).entity_link is None
    message = {"id": 7, "chatId": 5, "params": []}
    context = await bot_client(Chat__Message__getContext={"messages": [message]}).chat.message.get_context(7)
    assert context.messages[0].params == {}


@pytest.mark.parametrize(
    ("listed", "named"), [([11, 12], {"0": 11, "1": 12}), ({"1": 12}, {"1": 12}), ([], {}), (None, {})]
)
def test_2_a_map_with_the_keys_from_0_on_turns_into_a_list_and_with_a_gap_back(listed, named):
    assert by_name(listed) == named


async def test_2_the_maps_of_a_batch_are_lists_where_they_are_empty():
    b24 = client(batch={"result": {"c0": 11, "c1": 12}, "result_error": []})
    assert (await b24.batch([b24.im.chat.add(), b24.im.chat.add()])).values() == [11, 12]
    b24 = client(batch={"result": [], "result_error": {"c0": {"error": "ACCESS_DENIED"}, "c1": {"error": "100"}}})
    result = await b24.batch([b24.im.chat.add(), b24.im.chat.add()])
    assert [each.error.code for each in result] == ["ACCESS_DENIED", "100"]


async def test_3_objects_keyed_by_id_keep_their_keys():
    by_id = await client(im__user__list__get={"3": USER, "9": None}).im.user.list.get([3, 9])
    assert by_id == {3: User(id=3, name="Ada")}
    assert list(await client(im__search__user__list={"3": USER}).im.search.user.list("Ada")) == [3]
    managers = client(im__department__managers__get={"5": [1, 2]}).im.department.managers
    assert await managers.get([5]) == {5: [1, 2]}


async def test_4_a_null_result_is_none_where_nothing_matches():
    assert await client(im__chat__get=None).im.chat.get(Entity("ORDER", "1663")) is None


async def test_5_bare_scalars_are_answers():
    assert await client(im__chat__leave=True).im.chat.leave(5) is True
    assert await client(im__chat__add=1417).im.chat.add() == 1417
    assert await client(im__user__status__get="dnd").im.user.status.get() == "dnd"
    assert await client(im__notify__personal__add=False).im.notify.personal.add(3, "Hello") is None


async def test_6_a_result_inside_a_result_is_unwrapped():
    assert await bot_client(Chat__leave={"result": True}).chat.leave("chat5") is True


async def test_7_false_stands_for_absent():
    user = USER | {"idle": False, "lastActivityDate": False, "absent": False, "phones": False}
    info = await bot_client(Chat__get={"chat": CHAT, "users": [user]}).chat.get("chat5")
    (user,) = info.users
    assert (user.idle, user.last_activity_date, user.absent, user.phones) == (None, None, None, None)


async def test_8_an_empty_text_stands_for_absent():
    info = await bot_client(Chat__get={"chat": CHAT | {"public": ""}, "users": [USER | {"birthday": ""}]}).chat.get("5")
    assert (info.chat.public, info.users[0].birthday) == (None, None)
    opened = await chat_of(public={"code": "abc", "link": "https://portal.example/online/abc"})
    assert (opened.public.code, opened.public.link) == ("abc", "https://portal.example/online/abc")


async def test_9_zero_stands_for_an_absent_id():
    assert (await chat_of(parentChatId=0, parentMessageId=0)).parent_chat_id is None
    page = await client(
        im__dialog__messages__get={"chat_id": 5, "messages": [{"id": 7, "author_id": 0}]}
    ).im.dialog.messages.get("chat5")
    assert page.messages[0].author_id is None


async def test_10_y_and_n_are_booleans():
    commands = [{"id": 1, "botId": 456, "command": "/help", "common": "Y", "extranet": "N"}]
    (command,) = (await bot_client(Command__list={"commands": commands}).command.list()).commands
    assert (command.common, command.extranet_support) == (True, False)
    assert [(await chat_of(textFieldEnabled=said)).text_field_enabled for said in ("N", False, "Y", True)] == [
        False, False, True, True,
    ]  # fmt: skip
    notified = {"notifications": [{"id": 1, "notify_read": "Y"}]}
    assert (await client(im__notify__get=notified).im.notify.get()).notifications[0].notify_read is True


async def test_11_numbers_come_as_text():
    file = {"id": "17", "chatId": "5", "size": "2048", "viewerAttrs": {"objectId": "9817"}}
    uploaded = {"file": file, "messageId": "7", "chatId": "5", "dialogId": "chat5"}
    answer = await bot_client(File__upload=uploaded).file.upload("chat5", name="a.txt", content=b"a")
    assert (answer.file.id, answer.file.size, answer.message_id) == (17, 2048, 7)
    assert answer.file.viewer_attrs.object_id == 9817


@pytest.mark.parametrize("code", ["0", "100", 100])
def test_12_numeric_error_codes_have_their_class_as_text_and_as_numbers(code):
    with pytest.raises(WrongArgument) as caught:
        open_envelope("im.chat.add", 400, json.dumps({"error": code, "error_description": "Invalid value"}).encode())
    assert caught.value.code == str(code)


async def test_13_an_empty_object_stands_for_a_date():
    committed = {"FILES": {"upload5249": {"id": 5249, "date": {}}}, "DISK_ID": [5249], "MESSAGE_ID": 7}
    b24 = client(im__disk__file__commit=committed)
    with pytest.deprecated_call():
        call = b24.im.disk.file.commit(5, file_ids=[5249])
    assert (await call).files[5249].date is None


async def test_14_json_inside_text_is_read():
    views = '{"messageId":7,"countOfViewers":2,"firstViewers":[{"userId":3}]}'
    assert (await chat_of(lastMessageViews=views)).last_message_views.count_of_viewers == 2
    file = {"id": 17, "viewerAttrs": {"actions": '[{"type":"download"}]'}}
    uploaded = {"file": file, "messageId": 7, "chatId": 5, "dialogId": "chat5"}
    answer = await bot_client(File__upload=uploaded).file.upload("chat5", name="a.txt", content=b"a")
    assert answer.file.viewer_attrs.actions == [{"type": "download"}]


async def test_15_a_key_in_both_spellings_is_one_field():
    message = {"id": 7, "chatId": 5, "chat_id": 5, "authorId": 3, "author_id": 3}
    found = await client(im__dialog__messages__search={"messages": [message]}).im.dialog.messages.search(5)
    assert (found.messages[0].chat_id, found.messages[0].author_id) == (5, 3)


async def test_16_three_dialects_are_one_vocabulary():
    snake = await client(im__dialog__get={"id": 5, "entity_data_1": "Y|1", "user_counter": 2}).im.dialog.get("chat5")
    camel = await chat_of(entityData1="Y|1", userCounter=2)
    assert (snake.entity_data1, snake.user_counter) == (camel.entity_data1, camel.user_counter) == ("Y|1", 2)
    assert (await client(im__chat__get={"ID": 5}).im.chat.get(Entity("ORDER", "1"))) == 5
    read = {"dialogId": "chat5", "chatId": 5, "lastId": 7, "counter": 0}
    assert (await client(im__dialog__read=read).im.dialog.read("chat5")).last_id == 7
    assert (await client(im__counters__get={"TYPE": {"ALL": 4}}).im.counters.get()).type.all == 4


async def test_17_paging_that_left_the_result_for_the_envelope_drives_the_iterator():
    pages = [Response({"3": USER}, next=1, total=2), Response({"4": {"id": 4}}, total=2)]
    found = [user.id async for user in client(im__search__user__list=pages).im.search.user.iter_users("Ada")]
    assert found == [3, 4]
    recent = client(im__recent__list=Response({"items": [], "hasMore": False}, total=-1)).im.recent.list()
    await recent
    assert recent.response.total == -1


async def test_18_a_mixed_id_is_a_dialog_id():
    items = [{"id": 547, "type": "user"}, {"id": "chat1451", "type": "chat"}]
    assert [item.id for item in await client(im__recent__get=Response(items)).im.recent.get()] == ["547", "chat1451"]


@pytest.mark.parametrize("start", [1728626400, 1728626400.0, "1728626400"])
def test_19_times_are_numbers_however_they_are_written(start):
    body = {"result": True, "time": {"start": start, "processing": 0, "operating": "0.5"}}
    time = open_envelope("x.y", 200, json.dumps(body).encode()).time
    assert (time.start, time.processing, time.operating) == (1728626400.0, 0.0, 0.5)


async def test_20_keys_that_vanish_have_defaults():
    info = await bot_client(Chat__get={"chat": {"id": 5}}).chat.get("chat5")
    assert (info.chat.name, info.chat.manager_list, info.chat.entity_link, info.users) == ("", [], None, [])


async def test_21_text_is_passed_on_as_the_portal_wrote_it():
    title = "Tea &amp; &quot;biscuits&quot;"
    assert (await chat_of(name=title)).name == title


def test_22_an_error_within_200_is_an_error():
    with pytest.raises(NotFound):
        open_envelope("imbot.v2.Chat.get", 200, b'{"error":"CHAT_NOT_FOUND","error_description":"CHAT_NOT_FOUND"}')
    with pytest.raises(ReauthorizationRequired):
        token_or_error(Answer(200, b'{"error":"wrong_client"}'), {})


@pytest.mark.parametrize(
    ("image", "read"), [(False, None), ({"height": 61, "width": 72}, FileImage(width=72, height=61))]
)
async def test_23_an_image_is_false_or_an_object(image, read):
    page = {"chat_id": 5, "files": [{"id": 17, "image": image}]}
    answer = await client(im__dialog__messages__get=page).im.dialog.messages.get("chat5")
    assert answer.files[0].image == read


@pytest.mark.parametrize(
    "wrong",
    [{"color": "orange"}, {"avatar": b"no image"}, {"type": "channel"}, {"user_ids": ["x"]}, {"title": "x" * 256}],
)
def test_24_bad_input_that_the_portal_would_ignore_is_refused_before_it_is_sent(wrong):
    with pytest.raises(InvalidParameter, match=next(iter(wrong))):
        client().im.chat.add(**wrong)


async def test_25_booleans_are_written_as_each_method_reads_them():
    b24 = client()
    adding, sending = (
        b24.im.chat.user.add(5, [1], hide_history=False),
        b24.bot(456).chat.message.send("5", "x", system=False),
    )
    assert adding.request.params["HIDE_HISTORY"] == "N"
    assert sending.request.params["fields"]["system"] is False
    assert b24.batch([adding], halt=False).request.params["halt"] == 0
    adding.close()


async def test_26_keys_that_nobody_knows_pass():
    info = await bot_client(Chat__get={"chat": CHAT | {"shine": 1}, "recentConfig": {"chatId": 5}}).chat.get("chat5")
    assert info.chat.id == 5


async def test_27_escaped_slashes_and_angles_are_plain_text():
    body = rb'{"result":{"chat":{"id":5,"name":"\u003Cb\u003E","entityLink":{"type":"CRM","url":"\/crm\/deal\/7\/"}}}}'
    raw = open_envelope("imbot.v2.Chat.get", 200, body).result
    chat = (await bot_client(Chat__get=raw).chat.get("chat5")).chat
    assert (chat.name, chat.entity_link) == ("<b>", EntityLink(type="CRM", url="/crm/deal/7/"))


async def test_28_dates_keep_the_offset_of_the_portal_and_may_be_numbers():
    moment = datetime(2026, 8, 11, 15, 28, 50, tzinfo=timezone(timedelta(hours=2)))
    assert (await chat_of(dateCreate="2026-08-11T15:28:50+02:00")).date_create == moment
    assert (await chat_of(dateCreate="2026-08-11T15:28:50+02:00")).date_create.utcoffset() == timedelta(hours=2)
    assert (await chat_of(dateCreate=1_786_454_930)).date_create == datetime.fromtimestamp(1_786_454_930, UTC)


def test_an_error_that_nobody_listed_is_still_an_error_of_the_portal():
    with pytest.raises(RestError):
        open_envelope("x.y", 400, b'{"error":"SOMETHING_NEW"}')
