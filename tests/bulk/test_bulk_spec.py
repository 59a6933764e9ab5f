"""A spec: what it is read from, what it keeps, and that its text makes it anew."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from bitrix_chat import ChatSpec, ChatType, Color, Entity, InvalidParameter

PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
    b"\x00\x00\x00\nIDATx\x9cc\x00\x01\x00\x00\x05\x00\x01\r\n-\xb4\x00\x00\x00\x00IEND\xaeB`\x82"
)
FULL = {
    "title": "Harbour 7",
    "description": "What the crane lifts",
    "color": Color.MINT,
    "avatar": PNG,
    "user_ids": [4, 9],
    "owner_id": 4,
    "type": ChatType.OPEN,
    "message": "Good morning",
    "entity": Entity("HARBOUR", "7"),
    "copilot_main_role": "foreman",
}


@frozen(kw_only=True)
class DealSpec(ChatSpec):
    deal_id: int


def test_a_spec_is_taken_as_it_is():
    spec = DealSpec(title="Deal", deal_id=5)
    assert ChatSpec.of(spec) is spec


def test_a_title_and_a_map_of_names_are_specs():
    assert ChatSpec.of("Harbour") == ChatSpec(title="Harbour")
    assert ChatSpec.of({"title": "Harbour", "user_ids": [4]}) == ChatSpec(title="Harbour", user_ids=(4,))


@pytest.mark.parametrize("given_", [5, None, ["Harbour"], ("title", "Harbour"), b"Harbour"])
def test_anything_else_is_no_spec_and_is_named(given_: Any):
    with pytest.raises(InvalidParameter, match=type(given_).__name__):
        ChatSpec.of(given_)


def test_a_name_that_no_spec_has_is_named_with_those_it_has():
    with pytest.raises(InvalidParameter, match=r"no `tittle`; its names are avatar, color, .*, title"):
        ChatSpec.of({"tittle": "Harbour"})


def test_what_was_not_given_is_not_sent_and_the_key_goes_its_own_way():
    assert ChatSpec(title="Harbour", key="harbour-7").given() == {"title": "Harbour"}


def test_members_may_come_from_anything_that_can_be_iterated():
    assert ChatSpec(user_ids=iter([3, 4])).user_ids == (3, 4)  # type: ignore[arg-type]


@pytest.mark.parametrize("members", ["34", b"34", {3: 4}, 34])
def test_what_are_no_members_is_left_for_the_call_to_refuse(members: Any):
    assert ChatSpec(user_ids=members).user_ids is members


def test_its_text_makes_it_anew_but_for_the_avatar_which_becomes_text():
    spec = ChatSpec(**FULL, key="harbour-7")
    again = ChatSpec.from_json(spec.to_json(), "harbour-7")
    assert again.avatar == base64.b64encode(PNG).decode()
    assert (again.entity, again.key, again.user_ids) == (spec.entity, spec.key, spec.user_ids)
    assert again.to_json() == spec.to_json()


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "title": st.text(),
            "message": st.text(),
            "user_ids": st.lists(st.integers(1)),
            "entity": st.builds(Entity, st.text(), st.text()),
            "color": st.sampled_from(Color),
        },
    )
)
def test_equal_specs_have_equal_texts_and_the_text_is_read_as_an_equal_spec(fields: dict[str, Any]):
    text = ChatSpec(**fields).to_json()
    assert text == ChatSpec(**dict(reversed(fields.items()))).to_json()
    assert ChatSpec.from_json(text) == ChatSpec(**fields)


def test_neither_the_key_nor_what_a_subclass_adds_is_in_the_text():
    assert DealSpec(title="Deal", deal_id=5, key="deal-5").to_json() == '{"title":"Deal"}'


def test_an_avatar_of_a_file_is_in_the_text_and_not_its_path(tmp_path: Path):
    (tmp_path / "face.png").write_bytes(PNG)
    assert json.loads(ChatSpec(avatar=tmp_path / "face.png").to_json()) == {"avatar": base64.b64encode(PNG).decode()}


def test_an_avatar_is_not_in_its_repr():
    assert "PNG" not in repr(ChatSpec(title="Harbour", avatar=PNG))


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"title": "half \ud83d"}, "half of a surrogate pair"),
        ({"user_ids": (float("nan"),)}, "what JSON cannot say"),
        ({"entity": {"HARBOUR", "7"}}, "what JSON cannot say"),
        ({"avatar": b"no image"}, "no image"),
    ],
)
def test_what_a_text_cannot_hold_is_refused(fields: dict[str, Any], fault: str):
    with pytest.raises(InvalidParameter, match=fault):
        ChatSpec(**fields).to_json()


@pytest.mark.parametrize(
    "text",
    ["", "[]", '"Harbour"', "7", '{"tittle":"Harbour"}', '{"key":"k"}', '{"entity":{"kind":"HARBOUR"}}', '{"title":'],
)
def test_what_no_spec_has_written_is_no_spec(text: str):
    with pytest.raises(ValueError, match=r"not a spec|Expecting"):
        ChatSpec.from_json(text)
