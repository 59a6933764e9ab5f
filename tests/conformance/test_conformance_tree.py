"""Every method is where its REST path says, and says of itself what the documentation says of it."""

import inspect

import pytest

from bitrix_chat.resources.general import GeneralResource
from bitrix_chat.rest.safety import SAFETY
from tests.conformance import coverage_table
from tests.conformance.catalogue import examples, methods, pages, parameters
from tests.conformance.deviations import DEVIATIONS
from tests.conformance.samples import least
from tests.conformance.signatures import NAMES, NAMES_OF, call
from tests.conformance.tree import HELPERS, attribute_path, function, is_helper, offered, snake_case


@pytest.mark.parametrize("method", methods("batch"))
def test_a_method_is_found_by_its_rest_path_and_sends_it(method):
    assert call(method, least(method)).request.method == method


@pytest.mark.skipif(not pages(), reason="BITRIX_CHAT_CATALOGUE is not set")
def test_nothing_is_offered_that_is_neither_documented_nor_a_known_helper():
    assert {path for path in offered() if not is_helper(path)} == set(map(attribute_path, pages()))


def test_every_listed_helper_exists():
    assert offered() >= HELPERS


@pytest.mark.parametrize("method", methods("batch"))
def test_the_docstring_names_the_method_and_its_documented_scope(method):
    said = inspect.getdoc(_documented(method)) or ""
    scope = pages()[method]["scope"]
    assert f"`{method}`" in said
    if scope is not None:
        assert ("any scope" if scope == ["basic"] else f"scope `{scope[0]}`") in said


@pytest.mark.parametrize("method", methods())
def test_what_the_documentation_calls_deprecated_is_deprecated_here(method):
    assert bool(getattr(_documented(method), "__deprecated__", None)) == pages()[method]["deprecated"]


def _documented(method):
    # The client hands on what stands at its root.
    found = getattr(GeneralResource, method, None) or function(method)
    return found if inspect.isroutine(found) else type(found).__call__


@pytest.mark.skipif(not pages(), reason="BITRIX_CHAT_CATALOGUE is not set")
def test_every_method_and_no_other_has_a_safety_class():
    assert set(SAFETY) | {"batch"} == set(pages())


@pytest.mark.parametrize("deviation", DEVIATIONS, ids="{0.method}: {0.what}".format)
def test_every_deviation_stands_once_and_where_its_check_looks(deviation):
    assert DEVIATIONS.count(deviation) == 1
    assert deviation.method in pages()
    if deviation.check == "requests":
        numbers = range(len(examples(deviation.method, "request")))
        assert deviation.what.partition(":")[0] in {f"example {number}" for number in numbers}
    elif deviation.check == "answers":
        assert examples(deviation.method, "response")
    else:
        assert deviation.method != "batch"


@pytest.mark.parametrize("path", NAMES)
def test_a_name_of_ours_is_of_a_documented_parameter_and_not_what_the_rule_makes_of_it(path):
    assert any(path in parameters(method) for method in pages())
    assert NAMES[path] != snake_case(path.rpartition(".")[2])


@pytest.mark.parametrize(("method", "path"), NAMES_OF)
def test_a_name_of_ours_for_one_method_is_not_what_it_would_be_without(method, path):
    assert path in parameters(method)
    assert NAMES_OF[method, path] != NAMES.get(path, snake_case(path.rpartition(".")[2]))


def test_a_path_is_the_rest_path_in_snake_case():
    assert attribute_path("im.chat.updateTitle") == "b24.im.chat.update_title"
    assert attribute_path("im.v2.Event.get") == "b24.im.v2.event.get"
    assert attribute_path("imbot.v2.Chat.Message.getContext") == "bot.chat.message.get_context"
    assert attribute_path("imbot.v2.Bot.get") == "b24.imbot.bot.get"


@pytest.mark.skipif(not pages(), reason="BITRIX_CHAT_CATALOGUE is not set")
def test_readme_s_table_of_methods_is_current():
    assert coverage_table.current() == coverage_table.table()
