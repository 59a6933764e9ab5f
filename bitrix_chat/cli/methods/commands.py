"""A command of a method: its options, what it sends, and the group around it."""

import inspect
import sys
import warnings
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from cyclopts import App, Parameter

from bitrix_chat import BitrixError, InvalidParameter
from bitrix_chat.cli.answers import check_writable, deliver, rehearse, show
from bitrix_chat.cli.connection import FROM_ENVIRONMENT, Connection
from bitrix_chat.cli.methods.documentation import documentation_of, group_help, in_options, kebab
from bitrix_chat.cli.methods.options import OF_BOT, Options, options_of
from bitrix_chat.cli.methods.tree import BOT, Method, Node
from bitrix_chat.cli.refusals import by_options

if TYPE_CHECKING:
    from bitrix_chat import BitrixChat

Command = Callable[..., Coroutine[Any, Any, None]]

_OUT: Final = Annotated[
    Path | None,
    Parameter(
        help="Save the file here. Without it the signed link is printed: whoever sees that can read the file, and "
        "finds the webhook's secret or the access token in it."
    ),
]
_DRY_RUN: Final = Annotated[bool, Parameter(help="Print the request, its secrets masked, and send nothing.")]


def app_of(node: Node) -> App:
    """Make the command of a method, the group of a branch, or both in one."""
    if node.method is None:
        app = App(name=kebab(node.name), help=group_help(node.kind, ".".join(node.path) or BOT))
    else:
        app = _command_app(kebab(node.name), node.method)
    for child in node.children.values():
        app.command(app_of(child))
    return app


def _command_app(name: str, method: Method) -> App:
    documentation = documentation_of(method.function)
    options = options_of(method, documentation)
    app = App(name=name, help=documentation.help(options.by_parameter))
    app.default(_command(method, options))
    return app


def _command(method: Method, options: Options) -> Command:
    async def command(
        *,
        dry_run: bool = False,
        out: Path | None = None,
        connection: Connection = FROM_ENVIRONMENT,
        **given: Any,
    ) -> None:
        read = options.read(given)
        check_writable(out)
        async with connection.client() as b24:
            root, arguments = _root(b24, method, read, options)
            call = _made(method.on(root), arguments, options)
            if dry_run:
                rehearse(call.request)
            elif out is None:
                await deliver(b24, call)
            else:
                call.close()
                await _save(method.branch_on(root), arguments, out)

    # cyclopts reads the options off the signature, where no annotation of the function itself comes first.
    command.__annotations__ = {}
    command.__signature__ = _signature(method, options)  # type: ignore[attr-defined]
    return command


def _signature(method: Method, options: Options) -> inspect.Signature:
    named = options.by_parameter
    own = {"dry_run": (False, _DRY_RUN), "connection": (FROM_ENVIRONMENT, Connection)}
    if method.is_download:
        own = {"out": (None, _OUT), **own}
    return inspect.Signature(
        [
            *(option.parameter(named) for option in options.listed),
            *(
                inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint)
                for name, (default, hint) in own.items()
            ),
        ]
    )


def _root(
    b24: "BitrixChat", method: Method, read: Mapping[str, Any], options: Options
) -> tuple[object, dict[str, Any]]:
    arguments = dict(read)
    if not method.is_of_bot:
        return b24, arguments
    bot = {option.name: arguments.pop(option.name, None) for option in OF_BOT}
    return _made(b24.bot, bot, options), arguments


def _made(make: Callable[..., Any], arguments: Mapping[str, Any], options: Options) -> Any:
    with warnings.catch_warnings(record=True, action="always", category=DeprecationWarning) as deprecations:
        try:
            made = make(**arguments)
        except InvalidParameter as error:
            problem = by_options(error.description, options.by_parameter)
        else:
            for deprecation in deprecations:
                print(f"bitrix-chat: deprecated: {in_options(str(deprecation.message), {})}", file=sys.stderr)
            return made
    raise InvalidParameter(problem)


async def _save(branch: Any, arguments: Mapping[str, Any], out: Path) -> None:
    try:
        size = await branch.save(**arguments, path=out)
    except InvalidParameter as error:
        raise InvalidParameter(by_options(error.description, {"path": "--out"})) from None
    except BitrixError:
        raise  # one of them is an OSError too: the deadline, as a TimeoutError
    except OSError as error:
        reason = error.strerror
    else:
        show({"saved": str(out), "bytes": size}, lost="The file is saved; that could not be printed")
        return
    raise InvalidParameter(f"--out cannot be written ({reason})")
