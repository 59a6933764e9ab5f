"""The comparison that the suite rests on sees what is lost, and nothing where the forms alone differ."""

from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import field, frozen

from bitrix_chat.enums import ChatRole
from tests.conformance.comparison import lost


@frozen(kw_only=True)
class Inner:
    color_name: str | None = None
    odd: int = field(default=0, metadata={"wire": "OddName"})


@frozen(kw_only=True)
class Outer:
    id: int = 0
    is_new: bool = False
    role: ChatRole | str | None = None
    date: datetime | None = None
    inner: Inner | None = None
    by_id: dict[int, Inner] = field(factory=dict)
    members: list[int] = field(factory=list)


MOMENT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("raw", "value", "places"),
    [
        ({"id": 5, "title": "T"}, Outer(id=5), ["result.title"]),
        ({"id": 5, "title": None}, Outer(id=5), ["result.title"]),
        ({"id": 5, "isNew": True}, Outer(id=6), ["result.id", "result.isNew"]),
        ({"id": 5, "inner": {"color": "red"}}, Outer(id=5, inner=Inner()), ["result.inner.color"]),
        ({"id": 5, "inner": {"odd": 1}}, Outer(id=5, inner=Inner(odd=1)), ["result.inner.odd"]),
        ({"id": 5, "by_id": {"8": {}}}, Outer(id=5, by_id={7: Inner()}), ["result.by_id.8"]),
        ({"id": 5, "members": [1, 2]}, Outer(id=5, members=[2, 1]), ["result.members[0]", "result.members[1]"]),
        ({"id": 5, "members": [1, 2]}, Outer(id=5, members=[1]), ["result.members"]),
        ({"id": 5, "date": "2026-03-04T05:06:08+00:00"}, Outer(id=5, date=MOMENT), ["result.date"]),
        ({"id": 5, "role": ""}, Outer(id=5, role=ChatRole.OWNER), ["result.role"]),
        ({"ID": 5, "NAME": "N"}, 5, ["result"]),
        ([{"id": 1}], [], ["result"]),
        (True, False, ["result"]),
    ],
)
def test_what_is_lost_or_changed_is_named(raw: Any, value: Any, places: list[str]):
    assert list(lost(raw, value)) == places


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ({"id": "5", "IS_NEW": "Y", "role": "OWNER"}, Outer(id=5, is_new=True, role=ChatRole.OWNER)),
        ({"id": 5, "date": "2026-03-04T07:06:07+02:00"}, Outer(id=5, date=MOMENT)),
        ({"id": 5, "date": False, "inner": [], "members": ""}, Outer(id=5)),
        ({"id": 5, "inner": '{"colorName": "red"}'}, Outer(id=5, inner=Inner(color_name="red"))),
        ({"id": 5, "inner": {"OddName": 1, "color_name": "red"}}, Outer(id=5, inner=Inner(color_name="red", odd=1))),
        ({"id": 5, "byId": {"upload7": {"OddName": 1}}}, Outer(id=5, by_id={7: Inner(odd=1)})),
        ({"id": 5, "members": {"7": True, "9": True}}, Outer(id=5, members=[7, 9])),
        ({"inner": {"OddName": 1}}, Inner(odd=1)),
        ({"ID": "5"}, 5),
        ({"result": True}, True),
        ({"7": {"OddName": 1}}, {7: Inner(odd=1)}),
        ([{"OddName": 1}], [Inner(odd=1)]),
    ],
)
def test_another_form_of_the_same_is_no_loss(raw: Any, value: Any):
    assert list(lost(raw, value)) == []
