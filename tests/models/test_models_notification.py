"""Notifications and what PHP makes of what they lack."""

from datetime import UTC, datetime

import pytest

from bitrix_chat.converters import CAMEL_ANSWERS, SNAKE_ANSWERS, UPPER_ANSWERS, decoder
from bitrix_chat.models.notification import (
    AllRead,
    Notification,
    NotificationModule,
    NotificationPage,
    NotificationSearchPage,
)

notification = decoder(SNAKE_ANSWERS, Notification, "im.notify.get")


def test_a_whole_notification_is_read():
    found = notification(
        {
            "id": 40,
            "chat_id": 3,
            "author_id": 11,
            "date": "2030-03-17T21:30:00+02:00",
            "notify_type": 1,
            "notify_module": "house",
            "notify_event": "lift",
            "notify_tag": "MP|0a1b2|LIFT",
            "notify_sub_tag": "MP|0a1b2|LIFT|2",
            "notify_title": "Lift",
            "setting_name": "house|lift",
            "text": "Does the lift work?",
            "notify_read": "Y",
            "notify_buttons": '[{"TITLE": "Yes", "VALUE": "Y"}, {"TITLE": "No", "VALUE": "N"}]',
            "params": {"CAN_ANSWER": "Y"},
            "brand_new": [],
        }
    )
    assert found == Notification(
        id=40,
        chat_id=3,
        author_id=11,
        date=datetime(2030, 3, 17, 19, 30, tzinfo=UTC),
        notify_type=1,
        notify_module="house",
        notify_event="lift",
        notify_tag="MP|0a1b2|LIFT",
        notify_sub_tag="MP|0a1b2|LIFT|2",
        notify_title="Lift",
        setting_name="house|lift",
        text="Does the lift work?",
        notify_read=True,
        notify_buttons=[{"TITLE": "Yes", "VALUE": "Y"}, {"TITLE": "No", "VALUE": "N"}],
        params={"CAN_ANSWER": "Y"},
    )


@pytest.mark.parametrize("absent", [None, [], ""])
def test_a_notification_without_buttons_and_parameters(absent):
    found = notification({"id": "40", "author_id": 0, "notify_read": "N", "notify_buttons": absent, "params": absent})
    assert found == Notification(id=40)


def test_buttons_may_come_as_a_list():
    assert notification({"id": 40, "notify_buttons": [{"VALUE": "Y"}]}).notify_buttons == [{"VALUE": "Y"}]


def test_pages_after_the_first_have_no_counts():
    raw = {"chat_id": 3, "notifications": [{"id": 40}], "users": [{"id": 11}]}
    page = decoder(SNAKE_ANSWERS, NotificationPage, "im.notify.get")(raw)
    found = decoder(SNAKE_ANSWERS, NotificationSearchPage, "im.notify.history.search")(raw)
    assert (page.total_count, page.total_unread_count, found.total_results) == (None, None, None)
    assert page.notifications == found.notifications == [Notification(id=40)]


def test_an_empty_page_is_empty_whatever_php_writes():
    for page in ({}, {"notifications": False, "users": None}, {"notifications": [], "users": {}}):
        read = decoder(SNAKE_ANSWERS, NotificationPage, "im.notify.get")(page)
        assert (read.notifications, read.users) == ([], [])


def test_a_module_lists_its_kinds():
    schema = decoder(UPPER_ANSWERS, dict[str, NotificationModule], "im.notify.schema.get")
    (module,) = schema({"house": {"NAME": "House", "MODULE_ID": "house", "LIST": {"2": {"ID": "house|lift"}}}}).values()
    assert (module.name, module.module_id, [kind.id for kind in module.kinds]) == ("House", "house", ["house|lift"])
    assert schema([]) == {}


def test_what_is_left_unread_is_a_number():
    assert decoder(CAMEL_ANSWERS, AllRead, "im.notify.read.all")({"result": True, "newCounter": "3"}) == AllRead(
        result=True, new_counter=3
    )
