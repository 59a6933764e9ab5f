"""Bytes in and out: what a request asks for, as PHP would read it, and how an answer is written.

Nothing here refuses a body: JSON that does not parse leaves a call without parameters, and the method runs.
"""

import json
import re
from typing import Any, Final, final
from xml.sax.saxutils import escape

import attrs
from aiohttp import BodyPartReader, web

from bitrix_chat.portal.php import PhpValue, from_pairs, parse_str

_REST: Final = "/rest/"
_QUOTE: Final = re.compile(r'\\\\|\\"')
# PHP escapes these in every answer: an old habit against answers that are read as HTML.
_HEX_ESCAPED: Final = str.maketrans(
    {
        "/": "\\/",
        "<": "\\u003C",
        ">": "\\u003E",
        "&": "\\u0026",
        "'": "\\u0027",
        "\u2028": "\\u2028",
        "\u2029": "\\u2029",
    }
)


@final
@attrs.frozen(kw_only=True)
class Incoming:
    """A REST request, read."""

    method: str
    params: dict[str, PhpValue] = attrs.field(repr=False)
    webhook: tuple[int, str] | None = attrs.field(repr=False)
    bearer: str | None = attrs.field(repr=False)
    xml: bool

    @property
    def token(self) -> str | None:
        """The access token: of the header, or of the parameters `auth` and `access_token`."""
        candidates = (self.bearer, self.params.get("auth"), self.params.get("access_token"))
        return next((token for token in candidates if token and isinstance(token, str)), None)


@final
@attrs.frozen
class Answer:
    """An answer before it is sent."""

    status: int
    body: bytes
    headers: dict[str, str]


async def read_incoming(request: web.BaseRequest, max_vars: int) -> Incoming:
    """Read path, query and body; the body's parameters win over the query's, the path over both."""
    webhook, method, xml = split_path(request.path)
    params = parse_str(request.query_string, max_vars=max_vars) if request.query_string else {}
    params |= await _body_params(request, max_vars)
    params.pop("method", None)
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    return Incoming(
        method=method,
        params=params,
        webhook=webhook,
        bearer=bearer.strip() if scheme.lower() == "bearer" else None,
        xml=xml,
    )


def split_path(path: str) -> tuple[tuple[int, str] | None, str, bool]:
    """Split `/rest/{user}/{secret}/{method}` or `/rest/{method}`; a last `.json` or `.xml` selects the format."""
    *front, method = path.removeprefix(_REST).strip("/").split("/")
    head, _, suffix = method.rpartition(".")
    xml = suffix == "xml"
    if head and (xml or suffix == "json"):
        method = head
    if len(front) == 2 and front[0].isdecimal():
        return (int(front[0]), front[1]), method, xml
    return None, "/".join([*front, method]), xml


async def _body_params(request: web.BaseRequest, max_vars: int) -> dict[str, PhpValue]:
    """Read the body by its type; one that no type explains is taken for a query string."""
    if request.method == "GET":
        return {}
    kind = request.content_type
    if kind == "multipart/form-data":
        return from_pairs(await _multipart_pairs(request), max_vars=max_vars)
    body = await request.content.read()
    if kind == "application/json" or kind.endswith("+json"):
        return _json_params(body)
    return parse_str(body.decode(errors="replace"), max_vars=max_vars)


async def _multipart_pairs(request: web.BaseRequest) -> list[tuple[str, str]]:
    """Read the fields of a form; PHP keeps uploaded files elsewhere, so they are no parameters."""
    try:
        return [
            (part.name, (await part.read(decode=True)).decode(errors="replace"))
            async for part in await request.multipart()
            if isinstance(part, BodyPartReader) and part.name and part.filename is None
        ]
    except ValueError:  # no boundary, or one that never comes
        return []


def _json_params(body: bytes) -> dict[str, PhpValue]:
    try:
        value = json.loads(body, parse_constant=_no_constant)
        if b"\\u" in body:
            json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is malformed for PHP
    except (ValueError, RecursionError):
        return {}
    if isinstance(value, list):
        return {str(index): element for index, element in enumerate(value)}
    return value if isinstance(value, dict) else {}


def _no_constant(name: str) -> None:
    raise ValueError(name)


def php_json(value: Any) -> bytes:
    """Encode as the portal does: slashes escaped, HTML characters as hex, everything else raw UTF-8."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if '\\"' in text:
        text = _QUOTE.sub(lambda found: found[0] if found[0] == "\\\\" else "\\u0022", text)
    return text.translate(_HEX_ESCAPED).encode(errors="replace")


def rest_answer(
    status: int, value: dict[str, Any], *, xml: bool = False, headers: dict[str, str] | None = None
) -> Answer:
    """Write a REST answer in the format that was asked for."""
    if xml:
        document = f'<?xml version="1.0" encoding="utf-8"?><response>{_xml(value)}</response>'
        return Answer(status, document.encode(), {"Content-Type": "text/xml; charset=utf-8"} | (headers or {}))
    return Answer(status, php_json(value), {"Content-Type": "application/json; charset=utf-8"} | (headers or {}))


def _xml(value: Any) -> str:
    """Write a value as elements; list items are called `item`, booleans are 1 and 0."""
    if isinstance(value, dict):
        return "".join(f"<{_tag(key)}>{_xml(inner)}</{_tag(key)}>" for key, inner in value.items())
    if isinstance(value, list):
        return "".join(f"<item>{_xml(inner)}</item>" for inner in value)
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, bool) else escape(str(value))


def _tag(key: str) -> str:
    return f"item{key}" if key[:1].isdecimal() else key
