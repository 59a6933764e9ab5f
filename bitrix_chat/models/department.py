"""Departments of the company's structure."""

from attrs import field, frozen

from bitrix_chat.models.chat import none_for_zero
from bitrix_chat.models.user import User


@frozen(kw_only=True)
class Department:
    """A department, whose full name goes on with those above it: `Quality / Development / Company`."""

    id: int
    name: str = ""
    full_name: str = ""
    manager_user_id: int | None = field(default=None, converter=none_for_zero)
    manager_user_data: User | None = None
    """The head, where users were asked for."""
