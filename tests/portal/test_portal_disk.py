"""`im.disk.*`: files of the drive, in chats and in people's own storage."""

import pytest

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x20\0\0\0\x10"


@pytest.fixture
async def chat_id(ask):
    return (await ask("im.chat.add", {"TITLE": "Files", "USERS": [2]})).result


async def committed(ask, **params):
    return (await ask("im.disk.file.commit", params)).result


async def test_a_chat_has_one_folder(ask, portal, chat_id):
    folder = (await ask("im.disk.folder.get", {"CHAT_ID": chat_id})).result
    assert folder == (await ask("im.disk.folder.get", {"dialog_id": f"chat{chat_id}"})).result
    other = (await ask("im.chat.add")).result
    assert folder != (await ask("im.disk.folder.get", {"CHAT_ID": other})).result
    assert portal.chats[chat_id].disk_folder_id == folder["ID"]


@pytest.mark.parametrize("method", ["im.disk.folder.get", "im.disk.file.commit"])
@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({}, (400, "CHAT_ID_EMPTY")),
        ({"DIALOG_ID": "2x"}, (400, "DIALOG_ID_EMPTY")),
        ({"CHAT_ID": 999}, (403, "ACCESS_ERROR")),
    ],
)
async def test_a_chat_must_be_named_and_be_there(ask, method, params, error):
    assert (await ask(method, params)).error == error


async def test_folders_and_commits_are_for_those_who_may_read_the_chat(ask, portal, chat_id):
    stranger = portal.add_webhook(3)
    for method in ("im.disk.folder.get", "im.disk.file.commit"):
        refused = await ask(method, {"CHAT_ID": chat_id, "FILE_ID": 1}, base=stranger)
        assert refused.error == (403, "ACCESS_ERROR")


async def test_an_uploaded_file_is_committed_as_it_is(ask, portal, chat_id):
    folder_id = (await ask("im.disk.folder.get", {"CHAT_ID": chat_id})).result["ID"]
    file_id = portal.add_file(name="map.png", content=PNG, folder_id=folder_id)
    answer = await committed(ask, CHAT_ID=chat_id, UPLOAD_ID=file_id, MESSAGE="The map")
    assert answer.keys() == {"FILES", "DISK_ID", "FILE_MODELS", "MESSAGE_ID"}
    assert answer["DISK_ID"] == [str(file_id)]
    file, model = answer["FILES"][f"upload{file_id}"], answer["FILE_MODELS"][f"upload{file_id}"]
    assert (file["id"], file["chatId"], file["type"], file["date"]) == (file_id, chat_id, "image", {})
    assert (model["parentId"], model["size"], model["createdBy"]) == (folder_id, len(PNG), "1")
    assert (model["createTime"], model["updateTime"], model["deleteTime"]) == ({}, {}, None)
    chat = portal.chats[chat_id]
    assert (chat.last_message_id, chat.messages[-1].text) == (answer["MESSAGE_ID"], "The map")


async def test_a_file_from_elsewhere_is_copied_into_the_chat(ask, portal, chat_id):
    own = portal.add_file("text/plain", name="a.txt", content=b"abc")
    answer = await committed(ask, CHAT_ID=chat_id, FILE_ID=[own, own], AS_FILE="Y")
    assert list(answer["FILES"]) == [f"upload{own}"]
    file = answer["FILES"][f"upload{own}"]
    assert file["id"] != own
    assert (file["chatId"], file["size"], file["type"]) == (chat_id, 3, "file")


async def test_an_image_can_be_posted_as_a_file(ask, portal, chat_id):
    own = portal.add_file(name="map.png", content=PNG)
    answer = await committed(ask, CHAT_ID=chat_id, FILE_ID=own, AS_FILE="Y")
    assert answer["FILES"][f"upload{own}"]["type"] == "file"


async def test_only_files_of_the_caller_can_be_committed(ask, portal, chat_id):
    own, foreign = portal.add_file(name="a.txt"), portal.add_file(name="b.txt", user_id=2)
    answer = await committed(ask, CHAT_ID=chat_id, FILE_ID=[foreign, own, 9999])
    assert list(answer["FILES"]) == [f"upload{own}"]
    for params in ({"FILE_ID": foreign}, {"UPLOAD_ID": own}, {"FILE_ID": 9999}):
        assert (await ask("im.disk.file.commit", {"CHAT_ID": chat_id} | params)).error == (400, "SAVE_ERROR")
    assert (await ask("im.disk.file.commit", {"CHAT_ID": chat_id})).error == (400, "FILES_ERROR")


async def test_the_sender_deletes_a_file_and_nobody_else(ask, portal, chat_id):
    own = portal.add_file(name="a.txt")
    file_id = int((await committed(ask, CHAT_ID=chat_id, FILE_ID=own))["DISK_ID"][0])
    params = {"CHAT_ID": chat_id, "FILE_ID": file_id}
    link = {"dialogId": f"chat{chat_id}", "fileId": file_id}
    assert (await ask("im.disk.file.delete", params, base=portal.add_webhook(2))).result is True
    assert (await ask("im.v2.File.download", link)).status == 200
    assert (await ask("im.disk.file.delete", params)).result is True
    assert (await ask("im.v2.File.download", link)).error == (400, "FILE_NOT_FOUND")


@pytest.mark.parametrize(
    ("params", "code"), [({"FILE_ID": 1}, "CHAT_ID_EMPTY"), ({"CHAT_ID": 1, "FILE_ID": "x"}, "FILE_ID_EMPTY")]
)
async def test_a_deletion_names_chat_and_file(ask, params, code):
    assert (await ask("im.disk.file.delete", params)).error == (400, code)


async def test_a_file_of_a_chat_is_saved_to_ones_own_storage(ask, portal, chat_id):
    own = portal.add_file(name="a.txt", content=b"abc")
    file_id = int((await committed(ask, CHAT_ID=chat_id, FILE_ID=own))["DISK_ID"][0])
    member = portal.add_webhook(2)
    saved = (await ask("im.disk.file.save", {"FILE_ID": file_id}, base=member)).result
    assert saved["file"]["name"] == "a.txt"
    assert saved["folder"]["name"]
    again = (await ask("im.disk.file.save", {"DISK_ID": saved["file"]["id"]}, base=member)).result
    assert (again["folder"], again["file"]["name"]) == (saved["folder"], "a (1).txt")


async def test_only_what_one_may_read_can_be_saved(ask, portal, chat_id):
    own = portal.add_file(name="a.txt")
    file_id = int((await committed(ask, CHAT_ID=chat_id, FILE_ID=own))["DISK_ID"][0])
    stranger = portal.add_webhook(3)
    for wrong in (file_id, own, 9999):
        assert (await ask("im.disk.file.save", {"FILE_ID": wrong}, base=stranger)).error == (400, "FILE_SAVE_ERROR")
    assert (await ask("im.disk.file.save")).error == (400, "FILE_ID_EMPTY")


async def test_a_folder_that_is_not_there_takes_no_file(portal):
    with pytest.raises(ValueError, match="no folder 77"):
        portal.add_file(folder_id=77)
