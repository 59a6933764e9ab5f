"""The program: its commands, and the one place where they are run and their failures end."""

import errno
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Final

from cyclopts import App, CycloptsError, Parameter

import bitrix_chat
from bitrix_chat import BitrixError
from bitrix_chat.cli import branches, endings
from bitrix_chat.cli.answers import NotPrinted
from bitrix_chat.cli.bulk import bulk
from bitrix_chat.cli.bulk_report import report
from bitrix_chat.cli.call import call
from bitrix_chat.cli.chat_structure import chat_structure
from bitrix_chat.cli.create_chat import create_chat
from bitrix_chat.cli.demo import demo
from bitrix_chat.cli.echo_bot import echo_bot
from bitrix_chat.cli.events import events
from bitrix_chat.cli.portal import portal
from bitrix_chat.cli.resume import resume
from bitrix_chat.cli.secrets import secrets_given
from bitrix_chat.cli.usage import usage_sentence
from bitrix_chat.cli.worker import worker
from bitrix_chat.rest.redaction import scrub

_HELP = """Create and drive Bitrix24 chats: within the portal's limits, nothing sent twice.

Every method of the library is a command on its own path, such as `bitrix-chat im chat user add`; `--help` behind any
word shows what follows it.

Exit codes: 0 done, 1 the portal refused, 2 wrong usage, 3 it may have run and nobody knows, 4 the portal was not
reached, 5 what it had to say could not be printed (its request may have run: stderr says so), 130 interrupted.
"""


_UNWRITABLE: Final = frozenset({errno.EBADF, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC})
"""What the system says of an output that takes nothing: a full disk, a closed or broken device."""


def _version() -> str:
    return f"bitrix-chat {bitrix_chat.__version__}"


def _default(value: object) -> str | None:
    return None if value is None or value is False else str(value)


app = App(
    name="bitrix-chat",
    help=_HELP,
    version=_version,
    help_format="markdown",
    version_format="plaintext",
    default_parameter=Parameter(negative=(), show_default=_default),
    exit_on_error=False,
    print_error=False,
    suppress_keyboard_interrupt=False,
    result_action="return_value",
)
for _command in (demo, echo_bot, portal, create_chat, chat_structure, bulk, resume, report, worker, events, call):
    app.command(_command)
_OWN: Final = frozenset(app)
for _name, _summary in branches.BRANCHES.items():
    app.command(App(name=_name, help=_summary))


def run(tokens: Sequence[str]) -> int:
    """Run one command and return its exit code; what fails is said on stderr, without any secret."""
    try:
        _admit(tokens)
        code = app(list(tokens))
    except KeyboardInterrupt:
        return endings.INTERRUPTED
    except (BrokenPipeError, SystemExit):  # rich ends with the latter where its reader has left
        return _pipe_closed()
    except Exception as error:  # noqa: BLE001  # a traceback of Python's own would repeat what an exception quotes
        return _failed(error, tokens)
    return code if isinstance(code, int) else endings.DONE


def _failed(error: Exception, tokens: Sequence[str]) -> int:
    match error:
        case CycloptsError():
            return _say(usage_sentence(error), endings.WRONG_USAGE, tokens)
        case BitrixError():
            return _say(endings.sentence(error), endings.exit_code(error), tokens)
        case NotPrinted():
            return _not_printed(str(error), tokens)
        case OSError(errno=number) if number in _UNWRITABLE:
            return _not_printed(f"What it has to say cannot be written ({error.strerror})", tokens)
    return _say(f"this is a bug, please report it\n{traceback.format_exc()}", endings.BUG, tokens)


def _admit(tokens: Sequence[str]) -> None:
    """Put the branch that is asked for in the place of its line in the program's help."""
    word = next((token for token in tokens if not token.startswith("-")), "")
    if not word or word in _OWN:
        return
    branch = branches.find(word)
    if branch is None:
        return
    if word in app:
        del app[word]
    app.command(branch)


def _say(what: str, code: int, tokens: Sequence[str]) -> int:
    print(scrub(f"bitrix-chat: {what}", secrets_given(tokens, os.environ)), file=sys.stderr)
    return code


def _pipe_closed() -> int:
    _give_up_stdout()
    return endings.PIPE_CLOSED


def _not_printed(what: str, tokens: Sequence[str]) -> int:
    _give_up_stdout()
    return _say(f"{what}.", endings.NOT_PRINTED, tokens)


def _give_up_stdout() -> None:
    # Python flushes stdout once more as it exits, and would complain.
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
