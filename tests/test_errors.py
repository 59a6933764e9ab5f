"""The tree of errors is the one that is drawn, codes become classes, and errors travel whole."""

import copy
import inspect
import pickle
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bitrix_chat
from bitrix_chat import errors
from bitrix_chat.bulk import errors as bulk_errors
from bitrix_chat.error_codes import CODES, error_class
from bitrix_chat.errors import BitrixError, NoAnswerError, Outcome, RestError

MODULES = [errors, bulk_errors]


def classes_of(module):
    return [kind for _, kind in inspect.getmembers(module, inspect.isclass) if issubclass(kind, BitrixError)]


CLASSES = list(dict.fromkeys(kind for module in MODULES for kind in classes_of(module)))


def pickled(error):
    return pickle.loads(pickle.dumps(error))  # noqa: S301  # our own bytes


def drawn_parents(module):
    """Read the tree in a module's docstring: every class with its parent and what is said of it."""
    parents, path = {}, {}
    for line in module.__doc__.splitlines():
        match = re.fullmatch(r"    ([│├└─ ]*)([A-Z]\w+)(?:  +(.+))?", line)
        if match:
            depth = len(match[1]) // 4
            path[depth] = match[2]
            parents[match[2]] = path[depth - 1] if depth else None
    return parents


@pytest.mark.parametrize("module", MODULES)
def test_the_drawn_tree_is_the_real_one(module):
    real = {
        kind.__name__: next((base.__name__ for base in kind.__bases__ if issubclass(base, BitrixError)), None)
        for kind in classes_of(module)
    }
    assert drawn_parents(module) == real


def test_the_drawing_tells_which_errors_are_also_errors_of_python():
    for match in re.finditer(r"(\w+) .*\(also a (\w+)\)", errors.__doc__):
        assert issubclass(getattr(errors, match[1]), __builtins__[match[2]])
    assert issubclass(errors.InvalidParameter, ValueError)
    assert issubclass(errors.DeadlineExceeded, TimeoutError)


@pytest.mark.parametrize("kind", CLASSES)
def test_every_error_has_an_outcome_a_sentence_and_a_place_in_the_package(kind):
    assert isinstance(kind().outcome, Outcome)
    assert kind.__doc__.strip()
    assert getattr(bitrix_chat, kind.__name__) is kind
    assert kind.__name__ in bitrix_chat.__all__


@pytest.mark.parametrize(
    ("code", "kind", "parent"),
    [
        ("BOT_TOKEN_NOT_SPECIFIED", "BotTokenRequired", "BotError"),
        ("BOT_ID_REQUIRED", "BotIdRequired", "BotError"),
        ("BOT_NOT_FOUND", "BotNotFound", "BotError"),
        ("BOT_OWNERSHIP_ERROR", "BotNotOwned", "BotError"),
        ("INTERNAL_SERVER_ERROR", "ServerError", "PortalError"),
        ("ERROR_UNEXPECTED_ANSWER", "ServerError", "PortalError"),
        ("QUERY_LIMIT_EXCEEDED", "QueryLimitExceeded", "LimitError"),
        ("ERROR_BATCH_METHOD_NOT_ALLOWED", "BatchRefused", "LimitError"),
        ("ERROR_BATCH_LENGTH_EXCEEDED", "BatchRefused", "LimitError"),
        ("NO_AUTH_FOUND", "InvalidCredentials", "AuthError"),
        ("INVALID_REQUEST", "RequestError", "RestError"),
        ("OVERLOAD_LIMIT", "PortalOverloaded", "LimitError"),
        ("ACCESS_DENIED", "AccessDenied", "PermissionDeniedError"),
        ("INVALID_CREDENTIALS", "InvalidCredentials", "AuthError"),
        ("ERROR_MANIFEST_IS_NOT_AVAILABLE", "NotFound", "RequestError"),
        ("insufficient_scope", "InsufficientScope", "PermissionDeniedError"),
        ("expired_token", "ExpiredToken", "AuthError"),
        ("user_access_error", "AccessDenied", "PermissionDeniedError"),
        ("PORTAL_DELETED", "PortalDeleted", "PortalError"),
        ("OPERATION_TIME_LIMIT", "OperationTimeLimit", "LimitError"),
        ("CREATION_ERROR", "ChatNotCreated", "RequestError"),
        ("WRONG_REQUEST", "RequestError", "RestError"),
        ("WRONG_ENCODING", "ServerError", "PortalError"),
        ("ERROR_METHOD_NOT_FOUND", "MethodNotFound", "RequestError"),
        ("22002", "MethodNotFound", "RequestError"),
        ("100", "WrongArgument", "RequestError"),
        ("menu_ERROR", "MessageRefused", "RequestError"),
        ("MESSAGE_DUPLICATED_BY_UUID", "MessageInProgress", "RequestError"),
        ("REACTION_ALREADY_SET", "NothingChanged", "RequestError"),
        ("USER_NOT_SUBSCRIBED", "NotSubscribed", "RequestError"),
        ("FILE_TOO_LARGE", "FileRefused", "RequestError"),
        ("COMMAND_TITLE_REQUIRED", "CommandRefused", "BotError"),
        ("0", "WrongArgument", "RequestError"),
        ("invalid_grant", "ReauthorizationRequired", "AuthError"),
    ],
)
def test_a_documented_code_has_its_class(code, kind, parent):
    for spelling in (code, code.upper(), code.lower()):
        assert error_class(spelling).__name__ == kind
    assert error_class(code).__base__.__name__ == parent


def test_a_code_that_nobody_listed_is_a_plain_rest_error():
    assert error_class("NO_SUCH_CODE") is RestError
    assert error_class("") is RestError


def test_codes_are_listed_in_capitals_and_cannot_be_changed():
    assert all(code == code.upper() for code in CODES)
    with pytest.raises(TypeError):
        CODES["NEW"] = RestError


def test_the_first_split_is_whether_the_portal_answered():
    assert all(issubclass(kind, RestError) for kind in CODES.values())
    assert not issubclass(RestError, NoAnswerError)


@pytest.mark.parametrize(
    ("outcome", "names"),
    [
        (
            Outcome.NOT_SENT,
            (
                "InvalidParameter InvalidPortalUrl InsecureUrl WrongEventLoop PortalUnreachable UntrustedCertificate "
                "DeadlineExceeded ClientClosed KeyReused JournalError JournalInUse"
            ),
        ),
        (
            Outcome.REFUSED_TEMPORARY,
            "ExpiredToken MessageInProgress QueryLimitExceeded OperationTimeLimit TokenRefreshFailed TokenStoreError",
        ),
        (
            Outcome.UNKNOWN,
            "NoAnswerError ConnectionLost UnexpectedAnswer DownloadFailed OutcomeUnknown ServerError BulkStopped",
        ),
        (Outcome.DONE, "CursorStalled"),
    ],
)
def test_outcomes_follow_the_evidence(outcome, names):
    assert {kind.__name__ for kind in CLASSES if kind().outcome is outcome} == set(names.split())


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, pickled])
def test_an_error_travels_whole(kind, again):
    error = kind("Access denied", method="im.chat.add", code="X", status=403, outcome=Outcome.UNKNOWN)
    twin = again(error)
    assert type(twin) is kind
    assert vars(twin) == vars(error)
    assert (str(twin), twin.args) == (str(error), error.args)
    assert twin.outcome is Outcome.UNKNOWN


@settings(deadline=None)
@given(st.text(), st.none() | st.text(min_size=1), st.none() | st.text(min_size=1))
def test_a_message_is_method_code_and_description(description, method, code):
    error = BitrixError(description, method=method, code=code)
    assert str(error) == ": ".join(part for part in (method, code, description) if part)


def test_a_message_with_nothing_to_say_is_empty():
    assert str(BitrixError()) == ""


def test_an_outcome_that_was_seen_wins_over_the_usual_one():
    assert errors.ServerError("x", outcome=Outcome.DONE).outcome is Outcome.DONE
    assert errors.ServerError("x").outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (errors.UnexpectedAnswer("x"), "result"),
        (errors.TokenStoreError("x"), "auth"),
        (bulk_errors.BulkStopped("x"), "report"),
    ],
    ids=["result", "auth", "report"],
)
def test_what_may_hold_secrets_or_specs_stays_behind(error, name):
    setattr(error, name, ["canary"])
    assert getattr(copy.copy(error), name) == ["canary"]
    assert getattr(pickled(error), name) is None
    assert "canary" not in f"{error} {error!r}"
