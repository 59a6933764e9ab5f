"""People as the portal's own directory has them, in the names of its database."""

from datetime import datetime
from typing import Any

from attrs import field, frozen

from bitrix_chat.enums import Gender


def _as_written(raw: Any) -> str | None:
    # Text in the portal's own format and time zone, or `{}`.
    return raw if isinstance(raw, str) and raw else None


@frozen(kw_only=True)
class Account:
    """A person's account (`user.get`, `user.current`); which fields come depends on `select` and on the scope.

    Attributes:
        timestamp_x: the last change, in the portal's own format and without a time zone.
        last_activity_date: written likewise.
        personal_birthday: the day, at midnight.
        uf_department: ids of the departments.
        user_type: `employee`, `extranet` or `email`.
    """

    id: int
    active: bool = True
    name: str = ""
    last_name: str = ""
    second_name: str = ""
    email: str | None = None
    last_login: datetime | None = None
    date_register: datetime | None = None
    time_zone: str | None = None
    is_online: bool = False
    timestamp_x: str | None = field(default=None, metadata={"read": _as_written})
    last_activity_date: str | None = field(default=None, metadata={"read": _as_written})
    personal_gender: Gender | str | None = None
    personal_www: str | None = None
    personal_birthday: datetime | None = None
    personal_photo: str | None = None
    personal_mobile: str | None = None
    personal_city: str | None = None
    work_phone: str | None = None
    work_position: str = ""
    uf_employment_date: datetime | None = None
    uf_department: list[int] = field(factory=list)
    uf_phone_inner: str | None = None
    user_type: str | None = None
