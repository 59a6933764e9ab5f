"""Accounts of the directory, with dates of three kinds, and what else the account's methods answer."""

from datetime import UTC, datetime

import pytest

from bitrix_chat.converters import SNAKE_ANSWERS, UPPER_ANSWERS, decoder
from bitrix_chat.enums import Gender
from bitrix_chat.models.account import Account
from bitrix_chat.models.department import Department

account = decoder(UPPER_ANSWERS, Account, "user.get")


def test_a_whole_account_is_read():
    found = account(
        {
            "ID": "11",
            "ACTIVE": True,
            "NAME": "Ines",
            "LAST_NAME": "Vidal",
            "SECOND_NAME": "",
            "EMAIL": "ines@portal.example",
            "LAST_LOGIN": "2030-03-17T21:30:00+02:00",
            "DATE_REGISTER": "2029-01-02T00:00:00+02:00",
            "TIME_ZONE": "",
            "IS_ONLINE": "Y",
            "TIMESTAMP_X": "17.03.2030 21:30:00",
            "LAST_ACTIVITY_DATE": "2030-03-17 21:30:00",
            "PERSONAL_GENDER": "F",
            "PERSONAL_BIRTHDAY": "1990-05-06T00:00:00+00:00",
            "PERSONAL_CITY": "Porto",
            "UF_EMPLOYMENT_DATE": "",
            "UF_DEPARTMENT": [4, "5"],
            "UF_PHONE_INNER": "42",
            "UF_HOBBY": "chess",
            "USER_TYPE": "employee",
        }
    )
    assert found == Account(
        id=11,
        name="Ines",
        last_name="Vidal",
        email="ines@portal.example",
        last_login=datetime(2030, 3, 17, 19, 30, tzinfo=UTC),
        date_register=datetime(2029, 1, 1, 22, 0, tzinfo=UTC),
        is_online=True,
        timestamp_x="17.03.2030 21:30:00",
        last_activity_date="2030-03-17 21:30:00",
        personal_gender=Gender.FEMALE,
        personal_birthday=datetime(1990, 5, 6, tzinfo=UTC),
        personal_city="Porto",
        uf_department=[4, 5],
        uf_phone_inner="42",
        user_type="employee",
    )


@pytest.mark.parametrize("absent", [{}, "", None, False])
def test_dates_that_php_cannot_write_are_absent(absent):
    names = ("LAST_LOGIN", "TIMESTAMP_X", "LAST_ACTIVITY_DATE", "PERSONAL_BIRTHDAY", "UF_EMPLOYMENT_DATE")
    assert account({"ID": 11, **dict.fromkeys(names, absent)}) == Account(id=11)


@pytest.mark.parametrize("absent", [False, None, [], {}])
def test_a_person_may_belong_to_no_department(absent):
    assert account({"ID": 11, "UF_DEPARTMENT": absent}).uf_department == []


def test_a_department_without_a_head_has_none():
    found = decoder(SNAKE_ANSWERS, Department, "im.department.get")({"id": 4, "manager_user_id": 0})
    assert found == Department(id=4, manager_user_id=None)
