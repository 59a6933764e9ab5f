"""The company's structure: a small tree of departments, whose people are found by asking the users."""

from collections.abc import Iterator
from typing import Final, final

import attrs

ROOT_ID: Final = 1


@final
@attrs.frozen
class Department:
    """A department; without a head its `manager_user_id` is 0."""

    id: int
    name: str
    parent_id: int | None = None
    head: int = 0


@final
class Structure:
    """The departments by id: a root with the administrator at its head, and two that take the employees in turn."""

    def __init__(self, *, admin: int, employees: range) -> None:
        heads = [*employees[:2], 0, 0]
        self._departments = {
            department.id: department
            for department in (
                Department(ROOT_ID, "Company", head=admin),
                Department(2, "Sales", ROOT_ID, heads[0]),
                Department(3, "Development", ROOT_ID, heads[1]),
                Department(4, "Quality", 3),
            )
        }

    def __iter__(self) -> Iterator[Department]:
        return iter(self._departments.values())

    def get(self, department_id: int) -> Department | None:
        """Find a department."""
        return self._departments.get(department_id)

    def full_name(self, department: Department) -> str:
        """Name the department and those above it, the nearest first: `Quality / Development / Company`."""
        names = [department.name]
        while department.parent_id is not None:
            department = self._departments[department.parent_id]
            names.append(department.name)
        return " / ".join(names)
