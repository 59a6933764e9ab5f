"""People and bots as the portal lists them."""

from datetime import datetime
from typing import Any

from attrs import field, frozen

from bitrix_chat.enums import Gender


@frozen(kw_only=True)
class User:
    """A user of the portal: an employee, a guest or a bot.

    The portal leaves out most fields in short forms; a date is None where it answers `false`.
    """

    id: int
    name: str = ""
    active: bool = True
    first_name: str = ""
    last_name: str = ""
    work_position: str = ""
    color: str | None = None
    avatar: str | None = None
    avatar_hr: str | None = None
    """The avatar in high resolution, where it was asked for."""
    gender: Gender | str | None = None
    birthday: str | None = None
    """Day and month as `15-03`."""
    extranet: bool = False
    network: bool = False
    bot: bool = False
    bot_data: dict[str, Any] | None = None
    connector: bool = False
    external_auth_id: str | None = None
    status: str | None = None
    idle: datetime | None = None
    last_activity_date: datetime | None = None
    mobile_last_date: datetime | None = None
    desktop_last_date: datetime | None = None
    absent: datetime | None = None
    departments: list[int] = field(factory=list)
    phones: dict[str, Any] | None = None
    type: str | None = None
    website: str | None = None
    email: str | None = None


@frozen(kw_only=True)
class Profile:
    """Whoever the webhook or token acts for (`profile`)."""

    id: int
    admin: bool = False
    name: str = ""
    last_name: str = ""
    personal_gender: Gender | str | None = None
    time_zone: str | None = None
    personal_photo: str | None = None
