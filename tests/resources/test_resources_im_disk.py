"""Files that are on the drive already: `im.disk.*`."""

import pytest

from bitrix_chat.errors import InvalidParameter, UnexpectedAnswer
from bitrix_chat.resources.im.disk import DiskResource
from bitrix_chat.rest.request import Request, Safety


@pytest.fixture
def disk():
    return DiskResource(None)


@pytest.fixture
def commit(disk):
    def commit(*positional, **arguments):
        with pytest.warns(DeprecationWarning, match="use b24.im.v2.file.upload"):
            return disk.file.commit(*positional, **arguments)

    return commit


@pytest.mark.parametrize(
    ("arguments", "params"), [({"chat_id": 8}, {"CHAT_ID": 8}), ({"dialog_id": "chat8"}, {"DIALOG_ID": "chat8"})]
)
def test_a_chat_has_a_folder(disk, arguments, params):
    with pytest.warns(DeprecationWarning, match="use b24.im.v2.file.upload"):
        call = disk.folder.get(**arguments)
    assert call.request == Request("im.disk.folder.get", params, Safety.IDEMPOTENT)
    assert [call.decode({"ID": 61}), call.decode({"ID": "61"})] == [61, 61]


@pytest.mark.parametrize("arguments", [{}, {"chat_id": 8, "dialog_id": "chat8"}])
def test_a_chat_is_named_in_one_way(disk, commit, arguments):
    with (
        pytest.warns(DeprecationWarning, match=r"im\.disk\.folder\.get"),
        pytest.raises(InvalidParameter, match="either `chat_id` or `dialog_id`"),
    ):
        disk.folder.get(**arguments)
    with pytest.raises(InvalidParameter, match="either `chat_id` or `dialog_id`"):
        commit(**arguments, file_ids=[70])


def test_files_are_committed_by_their_ids(commit):
    assert commit(8, file_ids=[70, 71]).request == Request(
        "im.disk.file.commit", {"CHAT_ID": 8, "FILE_ID": [70, 71]}, Safety.CREATE
    )


def test_a_commit_says_everything(commit):
    call = commit(
        dialog_id="chat8", file_ids=[70], upload_ids=iter([71]), message="Plans", silent_mode=True, as_file=False
    )
    assert call.request.params == {
        "DIALOG_ID": "chat8",
        "FILE_ID": [70],
        "UPLOAD_ID": [71],
        "MESSAGE": "Plans",
        "SILENT_MODE": "Y",
        "AS_FILE": "N",
    }


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({}, "nothing is given: `file_ids`, `upload_ids`, at least one is needed"),
        ({"file_ids": [], "upload_ids": []}, "nothing is given: `file_ids`, `upload_ids`, at least one is needed"),
        ({"file_ids": ["70"]}, "`file_ids[0]` is '70', but an id is a positive whole number"),
        ({"upload_ids": [0]}, "`upload_ids[0]` is 0, but an id is a positive whole number"),
        ({"file_ids": [70], "message": "x" * 20_001}, "`message` has 20001 characters, the portal keeps 20000"),
        ({"file_ids": [70], "as_file": "Y"}, "`as_file` is 'Y', but it is True or False"),
    ],
)
def test_a_commit_refuses_what_the_portal_would(commit, arguments, fault):
    with pytest.raises(InvalidParameter) as caught:
        commit(8, **arguments)
    assert caught.value.description == fault


def test_committed_files_come_by_the_ids_that_were_asked_for(commit):
    call = commit(8, file_ids=[70])
    assert call.request
    committed = call.decode(
        {
            "FILES": {"upload70": {"id": 75, "chatId": 8, "date": {}, "name": "plan.png", "image": False}},
            "DISK_ID": ["75"],
            "FILE_MODELS": {"upload70": {"id": 75, "createdBy": "11", "deletedBy": "0", "deleteTime": None}},
            "MESSAGE_ID": 900,
        }
    )
    assert (committed.disk_id, committed.message_id) == ([75], 900)
    assert (committed.files[70].id, committed.files[70].chat_id, committed.files[70].image) == (75, 8, None)
    assert (committed.file_models[70].created_by, committed.file_models[70].deleted_by) == (11, None)


def test_no_files_are_an_empty_map(commit):
    call = commit(8, file_ids=[70])
    assert call.request
    committed = call.decode({"FILES": [], "DISK_ID": [], "FILE_MODELS": [], "MESSAGE_ID": 900})
    assert (committed.files, committed.file_models, committed.disk_id) == ({}, {}, [])


def test_what_is_no_object_is_an_unexpected_answer(commit):
    call = commit(8, file_ids=[70])
    assert call.request
    with pytest.raises(UnexpectedAnswer):
        call.decode(True)


def test_a_file_is_deleted(disk):
    call = disk.file.delete(8, 70)
    assert call.request == Request("im.disk.file.delete", {"CHAT_ID": 8, "FILE_ID": 70}, Safety.IDEMPOTENT)
    assert call.decode(True) is True


def test_a_file_is_saved_to_the_callers_own_storage(disk):
    call = disk.file.save(70)
    assert call.request == Request("im.disk.file.save", {"FILE_ID": 70}, Safety.CREATE)
    saved = call.decode({"folder": {"id": 3, "name": "Saved"}, "file": {"id": "76", "name": "plan.png"}})
    assert (saved.folder.name, saved.file.id, saved.file.name) == ("Saved", 76, "plan.png")


@pytest.mark.parametrize(("name", "arguments"), [("delete", (0, 70)), ("delete", (8, "70")), ("save", (0,))])
def test_what_is_no_id_is_refused(disk, name, arguments):
    with pytest.raises(InvalidParameter, match="but an id is a positive whole number"):
        getattr(disk.file, name)(*arguments)
