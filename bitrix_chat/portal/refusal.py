"""What a method answers instead of a result: one code, one text, one status."""

from typing import final

from bitrix_chat.portal.php import PhpValue, type_name


@final
class Refusal(Exception):
    """An answer with `error` and `error_description`; REST methods answer 400 unless something says otherwise."""

    def __init__(self, code: str, description: str = "", status: int = 400, **extra: str) -> None:
        super().__init__(code)
        self.code = code
        self.description = description
        self.status = status
        self.extra = extra

    def as_body(self) -> dict[str, str]:
        """Return the error body, which carries neither `result` nor `time`."""
        return {"error": self.code, "error_description": self.description, **self.extra}


@final
class FatalError(Exception):
    """An uncaught PHP error of a legacy method: the script dies, and the answer is no JSON."""


def method_not_found() -> Refusal:
    """Say that there is no such method, which is known before anyone looks at the credentials."""
    return Refusal("ERROR_METHOD_NOT_FOUND", "Method not found!", 404)


def type_error(function: str, wanted: str, given: PhpValue) -> Refusal:
    """Wrap a PHP TypeError inside a controller, which reaches the caller under the code 0."""
    return Refusal("0", f"{function}: Argument #1 must be of type {wanted}, {type_name(given)} given")
