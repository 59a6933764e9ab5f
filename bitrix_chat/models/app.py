"""What the calling application is, and what it may call."""

from attrs import frozen

from bitrix_chat.enums import ApplicationStatus


@frozen(kw_only=True)
class AppInfo:
    """The calling application and the portal's licence (`app.info`)."""

    id: int
    code: str = ""
    version: int | None = None
    status: ApplicationStatus | str | None = None
    installed: bool = False
    payment_expired: bool = False
    days: int | None = None
    """Days until a trial or a paid period ends."""
    language_id: str | None = None
    license: str | None = None
    license_type: str | None = None
    license_family: str | None = None


@frozen(kw_only=True)
class MethodAvailability:
    """Whether the portal has a method, and whether the caller's scopes open it (`method.get`)."""

    is_existing: bool = False
    is_available: bool = False
