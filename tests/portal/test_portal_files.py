"""`File.upload`, `File.download` and the signed link between them."""

import base64

import aiohttp
import pytest

from bitrix_chat.portal import Cut, Fault, Plan, PortalPolicy

TEXT = "Überblick\n".encode() + bytes(range(256))
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x20\0\0\0\x10"
FILE_KEYS = {
    "id",
    "chatId",
    "date",
    "type",
    "name",
    "extension",
    "size",
    "image",
    "authorId",
    "authorName",
    "isTranscribable",
    "isVideoNote",
    "isVoiceNote",
}
UPLOADED_KEYS = FILE_KEYS | {
    "status",
    "progress",
    "urlPreview",
    "urlShow",
    "urlDownload",
    "viewerAttrs",
    "mediaUrl",
}


def encoded(content):
    return base64.b64encode(content).decode()


@pytest.fixture
async def bot(ask):
    return await ask.bot()


@pytest.fixture
async def dialog_id(ask, bot):
    chat = (await ask("imbot.v2.Chat.add", bot | {"fields": {"title": "Files", "userIds": [1, 2]}})).result["chat"]
    return chat["dialogId"]


@pytest.fixture
def target(bot, dialog_id):
    return bot | {"dialogId": dialog_id}


@pytest.fixture
def upload(ask, dialog_id):
    async def uploaded(content=TEXT, name="plan.txt", **fields):
        params = {"dialogId": dialog_id, "fields": {"name": name, "content": encoded(content)} | fields}
        return (await ask("im.v2.File.upload", params)).result

    return uploaded


@pytest.fixture
def link(ask, dialog_id):
    async def signed(file_id, **params):
        return (await ask("im.v2.File.download", {"dialogId": dialog_id, "fileId": file_id} | params)).result[
            "downloadUrl"
        ]

    return signed


async def fetched(session, url):
    async with session.get(url) as response:
        return response.status, response.headers, await response.read()


async def refusal(session, url):
    async with session.get(url) as response:
        return response.status, (await response.json())["error"]


async def test_a_bots_upload_is_a_message_of_the_bot(ask, portal, bot, dialog_id):
    fields = {"name": "plan.txt", "content": encoded(TEXT), "message": "Here it is"}
    answer = (await ask("imbot.v2.File.upload", bot | {"dialogId": dialog_id, "fields": fields})).result
    assert answer.keys() == {"file", "messageId", "chatId", "dialogId"}
    assert answer["file"].keys() == FILE_KEYS
    shown = {key: answer["file"][key] for key in ("name", "extension", "size", "type", "image", "authorId", "chatId")}
    assert shown == {
        "name": "plan.txt",
        "extension": "txt",
        "size": len(TEXT),
        "type": "file",
        "image": False,
        "authorId": bot["botId"],
        "chatId": answer["chatId"],
    }
    assert answer["dialogId"] == dialog_id
    chat = portal.chats[answer["chatId"]]
    assert (chat.last_message_id, chat.messages[-1].text) == (answer["messageId"], "Here it is")


async def test_a_users_upload_shows_all_addresses(upload):
    answer = await upload(PNG, "map.png")
    file = answer["file"]
    assert file.keys() == UPLOADED_KEYS
    assert (file["type"], file["image"], file["authorId"]) == ("image", {"height": 16, "width": 32}, 1)
    assert file["urlPreview"].startswith("http")
    assert file["viewerAttrs"]["objectId"] == str(file["id"]), "a number as text"
    assert file["viewerAttrs"]["actions"].startswith("["), "JSON in a text"


async def test_what_is_no_image_has_no_preview_and_an_empty_map_is_a_list(upload):
    file = (await upload())["file"]
    assert (file["urlPreview"], file["mediaUrl"], file["image"]) == ("", [], False)


async def test_a_private_dialog_is_known_by_whom_one_talks_to(ask, portal):
    fields = {"name": "a.txt", "content": encoded(b"x")}
    answer = (await ask("im.v2.File.upload", {"dialogId": "2", "fields": fields})).result
    assert answer["dialogId"] == "2"
    assert portal.chats[answer["chatId"]].members == {1, 2}


async def test_a_name_that_is_taken_gets_a_number(upload):
    names = [(await upload(name="plan.txt"))["file"]["name"] for _ in range(3)]
    assert names == ["plan.txt", "plan (1).txt", "plan (2).txt"]


@pytest.mark.parametrize("content", ["aGVsbG8=", "aGVsbG8", " aGVs\nbG8= "])
async def test_white_space_is_skipped_and_padding_may_be_missing(ask, dialog_id, session, link, content):
    params = {"dialogId": dialog_id, "fields": {"name": "a.txt", "content": content}}
    file = (await ask("im.v2.File.upload", params)).result["file"]
    assert (await fetched(session, await link(file["id"])))[2] == b"hello"


@pytest.mark.parametrize("method", ["im.v2.File.upload", "imbot.v2.File.upload"])
@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "FILE_EMPTY"),
        ({"name": "a.txt"}, "FILE_EMPTY"),
        ({"name": " ", "content": "QUJD"}, "FILE_EMPTY"),
        ({"name": "a.txt", "content": "QUJD*"}, "FILE_INVALID_CONTENT"),
        ({"name": "a.txt", "content": "QUJDR"}, "FILE_INVALID_CONTENT"),
        ({"name": "a.txt", "content": "QUI=="}, "FILE_INVALID_CONTENT"),
        ({"name": "a.txt", "content": "Q=UJ"}, "FILE_INVALID_CONTENT"),
        ({"name": "a.txt", "content": "data:text/plain;base64,QUJD"}, "FILE_INVALID_CONTENT"),
        (None, "100"),
        ("a.txt", "100"),
    ],
)
async def test_a_file_that_is_not_there_or_not_base64_is_refused(ask, target, method, fields, code):
    (chat,) = ask.portal.chats.values()
    before = chat.last_message_id
    assert (await ask(method, target | {"fields": fields})).error == (400, code)
    assert (chat.last_message_id, ask.portal.files) == (before, {})


async def test_the_size_counts_decoded(serve):
    ask = await serve(policy=PortalPolicy(max_file_size=3))
    params = {"dialogId": "2", "fields": {"name": "a", "content": encoded(b"abc")}}
    assert (await ask("im.v2.File.upload", params)).status == 200
    params["fields"]["content"] = encoded(b"abcd")
    assert (await ask("im.v2.File.upload", params)).error == (400, "FILE_TOO_LARGE")


@pytest.mark.parametrize("method", ["im.v2.File.upload", "im.v2.File.download"])
@pytest.mark.parametrize(("dialog", "code"), [("chat999", "CHAT_NOT_FOUND"), ("nobody", "CHAT_NOT_FOUND")])
async def test_a_dialog_that_is_not_there_is_not_found(ask, method, dialog, code):
    params = {"dialogId": dialog, "fileId": 1, "fields": {"name": "a", "content": "QUJD"}}
    assert (await ask(method, params)).error == (400, code)


async def test_a_chat_of_others_is_closed_to_users_and_bots(ask, portal, bot, upload, dialog_id):
    file_id = (await upload())["file"]["id"]
    stranger = portal.add_webhook(3)
    params = {"dialogId": dialog_id, "fileId": file_id, "fields": {"name": "a", "content": "QUJD"}}
    for method in ("im.v2.File.upload", "im.v2.File.download"):
        assert (await ask(method, params, base=stranger)).error == (400, "ACCESS_DENIED")
    other = await ask.bot(code="other")
    assert (await ask("imbot.v2.File.upload", other | params)).error == (400, "ACCESS_DENIED")
    assert (await ask("imbot.v2.File.download", other | params)).error == (400, "FILE_ACCESS_ERROR")


async def test_a_file_that_is_not_there_or_in_another_chat_is_not_found(ask, bot, dialog_id, upload):
    file_id = (await upload())["file"]["id"]
    for wrong in ({"fileId": 9999, "dialogId": dialog_id}, {"fileId": file_id, "dialogId": "2"}):
        assert (await ask("im.v2.File.download", wrong)).error == (400, "FILE_NOT_FOUND")
    assert (await ask("imbot.v2.File.download", bot | {"fileId": 9999})).error == (400, "FILE_NOT_FOUND")
    assert (await ask("imbot.v2.File.download", bot)).error == (400, "100")


async def test_the_link_gives_back_the_very_bytes(portal, session, upload, link):
    file = (await upload(TEXT, "Ünïcode.txt"))["file"]
    url = await link(file["id"])
    assert url.startswith(portal.webhook_url + "download.json?token=im%7C"), "the webhook's secret is in it"
    status, headers, body = await fetched(session, url)
    assert (status, body) == (200, TEXT)
    assert headers["Content-Type"] == "text/plain"
    assert headers["Content-Disposition"] == "attachment; filename*=utf-8''%C3%9Cn%C3%AFcode.txt"
    assert (portal.executions["download"], portal.requests[-1].status) == (1, 200)


async def test_a_bots_link_works_too(ask, bot, session, upload):
    file_id = (await upload())["file"]["id"]
    url = (await ask("imbot.v2.File.download", bot | {"fileId": file_id})).result["downloadUrl"]
    assert "token=imbot%7C" in url
    assert (await fetched(session, url))[2] == TEXT


async def test_an_applications_link_carries_its_token_and_dies_with_it(ask, portal, session, upload, dialog_id):
    file_id = (await upload())["file"]["id"]
    token = portal.oauth.access_token
    answer = await ask.with_token("im.v2.File.download", {"dialogId": dialog_id, "fileId": file_id})
    url = answer.result["downloadUrl"]
    assert f"auth={token}" in url
    assert (await fetched(session, url))[2] == TEXT
    portal.expire_tokens()
    assert await refusal(session, url) == (401, "expired_token")


async def test_a_wrong_or_foreign_signature_opens_nothing(portal, session, upload, link):
    first, second = (await upload())["file"]["id"], (await upload())["file"]["id"]
    url, other = await link(first), await link(second)
    payload = url.split("%7C")[1]
    foreign = portal.add_webhook(2)
    wrong = [
        url[:-1] + ("0" if url[-1] != "0" else "1"),
        other.replace(other.split("%7C")[1], payload),
        url.replace("token=im%7C", "token=imbot%7C"),
        url.replace(portal.webhook_url, foreign),
        portal.webhook_url + "download.json",
        portal.webhook_url + "download.json?token=im%7Cx",
    ]
    for each in wrong:
        assert await refusal(session, each) == (403, "ACCESS_DENIED")
    assert (await fetched(session, url))[0] == 200


async def test_a_link_needs_the_secret_it_carries(portal, session, upload, link):
    url = await link((await upload())["file"]["id"])
    assert await refusal(session, url.replace(portal.webhook_url, f"{portal.url}/rest/1/guess/")) == (
        403,
        "INVALID_CREDENTIALS",
    )
    assert await refusal(session, url.replace(portal.webhook_url, f"{portal.url}/rest/")) == (401, "NO_AUTH_FOUND")


async def test_a_link_to_a_deleted_file_leads_nowhere(ask, session, upload, link, dialog_id):
    file = (await upload())["file"]
    url = await link(file["id"])
    assert (await ask("im.disk.file.delete", {"CHAT_ID": file["chatId"], "FILE_ID": file["id"]})).result is True
    assert await refusal(session, url) == (400, "FILE_NOT_FOUND")


async def test_a_download_is_a_hit_like_any_other(serve, session, clock):
    ask = await serve(plan=Plan.STANDARD, clock=clock)
    params = {"dialogId": "2", "fields": {"name": "a", "content": encoded(TEXT)}}
    file = (await ask("im.v2.File.upload", params)).result["file"]
    url = (await ask("im.v2.File.download", {"dialogId": "2", "fileId": file["id"]})).result["downloadUrl"]
    statuses = [(await fetched(session, url))[0] for _ in range(49)]
    assert statuses == [200] * 48 + [503]
    assert (ask.portal.hits, ask.portal.refused) == (51, 1)


async def test_a_download_can_be_cut(portal, session, upload, link):
    url = await link((await upload())["file"]["id"])
    portal.faults.add(Fault(method="download", cut=Cut.TRUNCATE))
    # Two, since aiohttp repeats a GET once by itself.
    portal.faults.add(Fault(method="download", cut=Cut.BEFORE, times=2))
    with pytest.raises(aiohttp.ClientPayloadError):
        await fetched(session, url)
    with pytest.raises(aiohttp.ClientConnectionError):
        await fetched(session, url)
    assert (await fetched(session, url))[2] == TEXT


async def test_a_moved_portal_signs_links_for_its_new_address(ask, portal, session, upload, dialog_id):
    file_id = (await upload())["file"]["id"]
    portal.rename(portal.url.replace("127.0.0.1", "localhost"))
    base = portal.webhook_url.replace("127.0.0.1", "localhost")
    answer = await ask("im.v2.File.download", {"dialogId": dialog_id, "fileId": file_id}, base=base)
    url = answer.result["downloadUrl"]
    assert url.startswith(base)
    assert (await fetched(session, url))[2] == TEXT
