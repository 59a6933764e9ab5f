"""Names that a package imports when they are first asked for (PEP 562): importing it costs next to nothing."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def importer(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Make a package's `__getattr__`.

    Args:
        package: the package's name.
        homes: by module, relative to the package, the names that live there, parted by blanks; a name may be a
            module itself.
    """
    home_of = {name: module for module, names in homes.items() for name in names.split()}

    def __getattr__(name: str) -> Any:  # noqa: N807  # it becomes the module's
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        home = importlib.import_module(home_of[name], package)
        return getattr(home, name) if hasattr(home, name) else importlib.import_module(f"{home.__name__}.{name}")

    return __getattr__
