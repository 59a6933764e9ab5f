"""The package as it is installed and imported."""

import ast
import importlib
import pathlib
import subprocess
import sys
import tomllib
import venv

import pytest

import bitrix_chat
from bitrix_chat import auth, errors, testing

PACKAGE = pathlib.Path(bitrix_chat.__file__).parent
ROOT = PACKAGE.parent


@pytest.mark.parametrize("package", [bitrix_chat, auth, testing])
def test_every_public_name_can_be_imported(package):
    for name in package.__all__:
        assert getattr(package, name) is not None


@pytest.mark.parametrize("package", [bitrix_chat, auth, testing])
def test_what_type_checkers_see_is_what_is_imported(package):
    tree = ast.parse(pathlib.Path(package.__file__).read_text(encoding="utf-8"))
    seen = {
        (node.module, alias.name)
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    assert {name for _, name in seen} == {name for name in package.__all__ if name != "__version__"}
    for module, name in seen:
        assert getattr(package, name) is getattr(importlib.import_module(module), name)


def test_the_whole_error_tree_is_public():
    tree = {
        name for name, value in vars(errors).items() if isinstance(value, type) and value.__module__ == errors.__name__
    }

    assert tree <= set(bitrix_chat.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        bitrix_chat.nothing  # noqa: B018

    assert "BitrixChat" in dir(bitrix_chat)


def test_the_version_is_the_distributions():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert bitrix_chat.__version__ == project["version"]


def test_importing_the_package_opens_no_heavy_module():
    modules = "bitrix_chat, bitrix_chat.auth, bitrix_chat.testing.pytest_plugin"
    code = f"import sys, {modules}; print('aiohttp' in sys.modules, 'cattrs' in sys.modules)"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["False", "False"]


def test_no_module_outgrows_the_page():
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in PACKAGE.rglob("*.py")}

    assert {path.name: length for path, length in lengths.items() if length > 400} == {}


USER = """
import asyncio

from bitrix_chat import BitrixChat, Call, ChatInfo, Color, WebhookAuth


async def main() -> None:
    async with BitrixChat(WebhookAuth("https://acme.bitrix24.com/rest/1/secret/")) as b24:
        call: Call[ChatInfo] = b24.bot(5, token="token").chat.add(title="Chat", color=Color.MINT, user_ids=[1])
        name: str = (await call).chat.name
        chat_id: int = await b24.im.chat.add(title=name)
        found: int | None = await b24.im.chat.get(wrong)
        print(chat_id + "")
        chat = b24.im.chat.add(title="In a batch")
        in_a_batch: int = (await b24.batch([chat, b24.profile()]))[chat].unwrap()
        as_text: str = (await b24.batch([chat]))[chat].unwrap()


asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_built_wheel_alone_is_typed_for_its_users(tmp_path):
    subprocess.run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", tmp_path, ROOT], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", wheel, "mypy"], check=True)
    (tmp_path / "user.py").write_text(USER, encoding="utf-8")

    typed = subprocess.run(
        [python, "-m", "mypy", "--strict", "user.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert typed.stdout.splitlines() == [
        'user.py:12: error: Name "wrong" is not defined  [name-defined]',
        'user.py:13: error: Unsupported operand types for + ("int" and "str")  [operator]',
        (
            'user.py:16: error: Incompatible types in assignment (expression has type "int", variable has type '
            '"str")  [assignment]'
        ),
        "Found 3 errors in 1 file (checked 1 source file)",
    ]
    content = subprocess.run([python, "-m", "zipfile", "-l", wheel], capture_output=True, text=True, check=True).stdout
    assert "bitrix_chat/py.typed" in content
    assert "tests/" not in content
