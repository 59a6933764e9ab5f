"""Files of the drive, whose dates PHP mostly cannot write."""

from datetime import UTC, datetime

from bitrix_chat.converters import UPPER_ANSWERS, decoder
from bitrix_chat.models.disk import CommittedFiles, DriveFile, DriveLinks

committed = decoder(UPPER_ANSWERS, CommittedFiles, "im.disk.file.commit")

RAW = {
    "id": 75,
    "name": "plan.png",
    "createTime": {},
    "updateTime": "2030-03-17T21:30:00+02:00",
    "deleteTime": None,
    "code": "",
    "xmlId": None,
    "storageId": 2,
    "realObjectId": 75,
    "parentId": 61,
    "deletedType": 0,
    "createdBy": "11",
    "updatedBy": "12",
    "deletedBy": "0",
    "uniqueCode": "u",
    "typeFile": 2,
    "globalContentVersion": 1,
    "fileId": 300,
    "size": "2144",
    "etag": "e",
    "links": {"download": "/d", "showInGrid": "/g", "preview": ""},
}


def test_a_file_of_the_drive_is_camel_case_inside_an_upper_case_answer():
    assert committed({"FILE_MODELS": {"75": RAW}}).file_models[75] == DriveFile(
        id=75,
        name="plan.png",
        update_time=datetime(2030, 3, 17, 19, 30, tzinfo=UTC),
        storage_id=2,
        real_object_id=75,
        parent_id=61,
        created_by=11,
        updated_by=12,
        unique_code="u",
        type_file=2,
        global_content_version=1,
        file_id=300,
        size=2144,
        etag="e",
        links=DriveLinks(download="/d", show_in_grid="/g"),
    )


def test_a_file_without_links_has_none():
    assert committed({"FILE_MODELS": {"75": {"id": 75, "links": []}}}).file_models[75].links is None
