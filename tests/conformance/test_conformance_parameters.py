"""Each method takes the documented parameters and no others, and asks for those that the portal asks for."""

from collections.abc import Iterator

import pytest

from bitrix_chat.errors import InvalidParameter
from bitrix_chat.rest.call import Call
from tests.conformance.catalogue import Parameter, methods, parameters
from tests.conformance.deviations import DEMANDS, expected
from tests.conformance.samples import companions, least
from tests.conformance.signatures import argument, documented_arguments, outcome, required, sent, signature


@pytest.mark.parametrize("method", methods("batch"))
def test_every_documented_parameter_can_be_sent_and_no_other_is(method, conforms):
    conforms(set(_not_sent(method)) | set(_undocumented(method)), expected("parameters", method))


def _not_sent(method: str) -> Iterator[str]:
    for path in parameters(method):
        given = least(method, path)
        made = outcome(method, given)
        if not isinstance(made, Call):
            yield f"{path}: refused with {type(made).__name__}"
            continue
        body = sent(method, made)
        yield from (f"{name}: not sent" for name in set(given) - set(body))
        yield from (f"{name}: sent otherwise" for name in set(given) & set(body) if body[name] != given[name])
        yield from (f"{name}: sent, undocumented" for name in set(body) - set(parameters(method)))


def _undocumented(method: str) -> Iterator[str]:
    yield from (f"{name}=: undocumented" for name in set(signature(method)) - documented_arguments(method))


@pytest.mark.parametrize("method", methods("batch"))
def test_what_the_documentation_requires_is_required_and_nothing_else_is(method, conforms):
    conforms(set(_not_required(method)) | set(_required_by_us(method)), expected("required", method))


def _not_required(method: str) -> Iterator[str]:
    for path, parameter in parameters(method).items():
        for missing in _what_has_to_be_there(method, parameter):
            wanted = () if path in missing else (path,)
            made = outcome(method, least(method, *wanted, without=missing))
            if not isinstance(made, TypeError | InvalidParameter):
                yield f"{path}: sent without {', '.join(sorted(missing))}"


@pytest.mark.parametrize("method", DEMANDS)
def test_what_would_say_nothing_is_refused(method):
    assert isinstance(outcome(method, least(method, without=DEMANDS[method])), TypeError | InvalidParameter)


def _what_has_to_be_there(method: str, parameter: Parameter) -> Iterator[set[str]]:
    says = parameter.says
    if parameter.alternatives and "alternative_to" not in says:
        yield {parameter.path, *parameter.alternatives}
    elif says["required"]:
        yield {parameter.path}
    if parameter.path not in says.get("required_when_present", ()):
        together = companions(method, parameter.path)[1:]
        yield from ({other} for other in together if "required_for" not in parameters(method)[other].says)


def _required_by_us(method: str) -> Iterator[str]:
    by_page = {
        argument(method, path)
        for path, parameter in parameters(method).items()
        if parameter.says["required"] and not parameter.alternatives
    }
    yield from (f"{name}=: required by us" for name in required(method) - by_page)


@pytest.mark.parametrize("method", methods("batch"))
def test_a_parameter_that_another_value_calls_for_is_demanded_with_it(method):
    for path, parameter in parameters(method).items():
        for other, value in parameter.says.get("required_when", {}).items():
            body = {**least(method, without=[path]), other: value}
            assert isinstance(outcome(method, body), InvalidParameter), path
            assert isinstance(outcome(method, {**least(method, path), other: value}), Call), path
