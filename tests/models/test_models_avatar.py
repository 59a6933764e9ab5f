"""Avatars are checked for what the portal would drop without a word."""

import base64
import os
import struct
from pathlib import Path

import pytest

from bitrix_chat.errors import InvalidParameter, Outcome
from bitrix_chat.models.avatar import MAX_BYTES, MAX_SIDE, encode_avatar


def png(width=2, height=2):
    """Begin a PNG: its signature and its header, which is all that tells its size."""
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBBI", 13, b"IHDR", width, height, 8, 6, 0, 0, 0, 0)


def gif(width=2, height=2):
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0) + b";"


def refusal(avatar, name="avatar"):
    with pytest.raises(InvalidParameter) as caught:
        encode_avatar(avatar, name)
    assert caught.value.outcome is Outcome.NOT_SENT
    assert caught.value.__context__ is None
    return str(caught.value)


@pytest.mark.parametrize("image", [png(), gif(), png(MAX_SIDE, MAX_SIDE)], ids=["png", "gif", "the largest"])
def test_an_image_becomes_base64(image, tmp_path):
    text = base64.b64encode(image).decode()
    path = tmp_path / "face.png"
    path.write_bytes(image)
    wrapped = "\n".join(text[start : start + 20] for start in range(0, len(text), 20))
    for avatar in (image, bytearray(image), path, text, wrapped, f" {text}\n"):
        assert encode_avatar(avatar) == text


@pytest.mark.parametrize(("width", "height"), [(MAX_SIDE + 1, 1), (1, MAX_SIDE + 1), (9000, 9000)])
def test_a_side_of_5001_pixels_is_refused(width, height):
    assert refusal(png(width, height)) == f"`avatar` is {width}x{height} pixels, the portal takes 5000x5000 at most"


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", b"  <?xml?><svg/>",
     b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0\x00", b"RIFF\x00\x00\x00\x00WEBP", b"%PDF-1.7", png(0, 5), gif(5, 0)],
)  # fmt: skip
def test_what_is_no_image_is_refused(content):
    message = "`avatar` is no image that the portal shows (PNG, JPEG, GIF, WebP)"
    assert refusal(content) == message
    assert refusal(base64.b64encode(content).decode()) == message


@pytest.mark.parametrize("text", ["5", "1234", " 42 ", "\u0663\u0664"])
def test_a_number_is_refused_because_it_names_somebodys_file(text):
    assert refusal(text) == "`avatar` is a number, which the portal would take for the id of a file"


def test_a_data_address_is_refused():
    assert refusal("data:image/png;base64,AAAA").startswith("`avatar` is a data: address; pass only the base64 text")


@pytest.mark.parametrize("text", ["face.png", "/home/me/face.png", "C:\\face.png", "\u0444\u043e\u0442\u043e", "AAA"])
def test_a_plain_text_is_never_a_path(text):
    assert refusal(text) == "`avatar` is no base64 text; for a file pass a pathlib.Path"


def test_a_text_that_is_a_path_and_base64_is_no_image():
    assert "is no image" in refusal("some/dir")


def test_a_file_that_cannot_be_read_is_refused_without_its_path(tmp_path):
    message = refusal(tmp_path / "canary.png")
    assert message == "`avatar`: the file cannot be read (No such file or directory)"
    assert "cannot be read" in refusal(tmp_path)


def test_a_file_without_an_end_is_not_read(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    message = "`avatar`: the file cannot be read (it is no regular file)"
    assert [refusal(path) for path in (pipe, Path("/dev/zero"), tmp_path)] == [message] * 3


def test_a_file_of_more_than_100_megabytes_is_refused(tmp_path):
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.write(png())
        file.truncate(MAX_BYTES + 1)
    assert refusal(path) == "`avatar`: the file has more than 100000000 bytes"


def test_what_can_be_no_path_is_refused():
    assert refusal(Path("face\0.png")) == "`avatar`: the file cannot be read (it is no path)"


@pytest.mark.parametrize("avatar", [None, 5, 1.5, ["a.png", "AAAA"], memoryview(b"x")])
def test_what_is_none_of_the_three_is_refused(avatar):
    assert refusal(avatar) == f"`avatar` is {type(avatar).__name__}, not bytes, a pathlib.Path or base64 text"


def test_the_parameter_is_called_as_it_is_asked_to():
    assert refusal(b"", "photo").startswith("`photo` is no image")


def test_a_path_object_of_a_real_file_is_read_once_as_it_is(tmp_path):
    path = Path(tmp_path, "face")
    path.write_bytes(gif())
    assert base64.b64decode(encode_avatar(path)) == gif()


def test_an_image_whose_header_cannot_be_read_is_none(monkeypatch):
    def fail(_):
        raise struct.error("unpack requires a buffer of 4 bytes")

    monkeypatch.setattr("imagesize.get", fail)
    assert "is no image" in refusal(png())
