"""Judging the authorization server's answers: the code decides, a status only where there is none.

`wrong_client` comes with 200, and the documentation gives no status for any of its codes.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from attrs import field, frozen

from bitrix_chat.auth.token import Token
from bitrix_chat.error_codes import error_class
from bitrix_chat.errors import (
    InvalidParameter,
    InvalidPortalUrl,
    LimitError,
    ReauthorizationRequired,
    ServerError,
    TokenRefreshFailed,
)
from bitrix_chat.rest.redaction import is_secret, scrub
from bitrix_chat.rest.secret import concealed

METHOD: Final = "oauth/token"
"""What errors of the authorization server name as their `method`."""

_TRANSIENT_CODES: Final = frozenset({"CONNECTION_ERROR", "SERVER_ERROR", "TEMPORARILY_UNAVAILABLE"})


@frozen
class Answer:
    """What came back, or in `failure` why nothing did, in words that hold neither address nor secret."""

    status: int | None = None
    body: bytes = field(default=b"", repr=False)
    failure: str = ""

    def fields(self) -> Mapping[str, Any]:
        """Return the JSON object answered, its tokens as secrets; an empty one for anything else."""
        try:
            content = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        if not isinstance(content, dict):
            return {}
        return {name: concealed(value) if is_secret(name) else value for name, value in content.items()}

    def asks_for_query(self, form: Mapping[str, str]) -> bool:
        """Tell whether a POST was not understood, so that it surely changed nothing."""
        if self.status == 405:
            return True
        answered = self.fields()
        description = str(answered.get("error_description", ""))
        missing = any(re.search(rf"\b{name}\b", description) for name in form)
        return str(answered.get("error", "")).lower() == "invalid_request" and missing


class PortalNotNamed(TokenRefreshFailed):
    """A pair came without an address of its portal that can be used: whoever knows the portal still has the pair.

    Attributes:
        answer: what came; it stays behind where the error is pickled.
    """

    stays_behind = frozenset({"answer"})
    answer: Answer | None = None

    def token_at(self, endpoint: str) -> Token:
        """Return the pair as one of the portal at `endpoint`.

        Raises:
            TokenRefreshFailed: there is no usable pair in the answer either.
        """
        answer = self.answer or Answer()
        return _token(answer, {**answer.fields(), "client_endpoint": endpoint})


def token_or_error(answer: Answer, form: Mapping[str, str]) -> Token:
    """Return the pair that answers `form`.

    Raises:
        ReauthorizationRequired: refused for good.
        PortalNotNamed: all but the portal's address can be used.
        TokenRefreshFailed: refused for now, or nothing that can be used.
    """
    fields = answer.fields()
    if answer.failure or not fields:
        raise _failed(answer, answer.failure or "it is no JSON object")
    if fields.get("error"):
        raise _refusal(answer, fields, form)
    if answer.status != 200:
        raise _failed(answer, "it is neither a token pair nor an error")
    return _token(answer, fields)


def _token(answer: Answer, fields: Mapping[str, Any]) -> Token:
    kind: type[TokenRefreshFailed] = TokenRefreshFailed
    try:
        return Token.from_answer(fields)
    except InvalidPortalUrl as error:
        kind, problem = PortalNotNamed, error.description
    except InvalidParameter as error:
        problem = error.description
    failure = _failed(answer, problem, kind)
    if isinstance(failure, PortalNotNamed):
        failure.answer = answer
    raise failure


def _failed(answer: Answer, why: str, kind: type[TokenRefreshFailed] = TokenRefreshFailed) -> TokenRefreshFailed:
    if answer.status is None:
        what = f"no answer from the authorization server ({why})"
    elif 300 <= answer.status < 400:
        what = "the authorization server redirects, which is not followed with a client secret"
    else:
        what = f"unusable answer from the authorization server ({why})"
    return kind(what, method=METHOD, status=answer.status)


def _refusal(
    answer: Answer, fields: Mapping[str, Any], form: Mapping[str, str]
) -> ReauthorizationRequired | TokenRefreshFailed:
    secrets = [value for name, value in form.items() if name not in {"grant_type", "client_id"}]
    code = scrub(str(fields["error"]), secrets)[:60]
    description = scrub(str(fields.get("error_description") or ""), secrets)[:200]
    kind = TokenRefreshFailed if _is_transient(code, answer.status or 0) else ReauthorizationRequired
    return kind(description or "refused by the authorization server", method=METHOD, code=code, status=answer.status)


def _is_transient(code: str, status: int) -> bool:
    listed = error_class(code)
    if issubclass(listed, ReauthorizationRequired):
        return False
    return (
        issubclass(listed, LimitError | ServerError)
        or code.upper() in _TRANSIENT_CODES
        or status in {408, 429}
        or status >= 500
    )
