"""What an application is told of itself; its tokens are never part of the event."""

from typing import ClassVar

from attrs import field, frozen

from bitrix_chat.events.event import Event


@frozen(kw_only=True)
class AppInstalled(Event):
    """An administrator installed the application; `installation` of the receiver makes an `OAuthAuth` of it.

    Attributes:
        version: of the application.
        active: whether it may be used.
        installed: whether its installation is finished.
        language: the portal's language, `en`.
    """

    TYPE: ClassVar[str] = "ONAPPINSTALL"

    version: str = field(default="", metadata={"wire": "VERSION"})
    active: bool = field(default=True, metadata={"wire": "ACTIVE"})
    installed: bool = field(default=True, metadata={"wire": "INSTALLED"})
    language: str = field(default="", metadata={"wire": "LANGUAGE_ID"})


@frozen(kw_only=True)
class AppUninstalled(Event):
    """An administrator removed the application; its tokens are worth nothing any more.

    Attributes:
        clean: whether its settings and data are to be deleted too.
        language: the portal's language, `en`.
    """

    TYPE: ClassVar[str] = "ONAPPUNINSTALL"

    clean: bool = field(default=False, metadata={"wire": "CLEAN"})
    language: str = field(default="", metadata={"wire": "LANGUAGE_ID"})
