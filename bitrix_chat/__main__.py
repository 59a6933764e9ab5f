"""`bitrix-chat` and `python -m bitrix_chat`: the command line, which needs the extra `bitrix-chat[cli]`."""

import sys
from typing import Final

_NEEDED: Final = frozenset({"cyclopts", "rich"})


def main() -> int:
    """Run the command line and return its exit code."""
    try:
        from bitrix_chat.cli.program import run  # noqa: PLC0415  # an extra

        return run(sys.argv[1:])
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _NEEDED:
            raise
        sys.stderr.write('bitrix-chat: the command line needs its extra: pip install "bitrix-chat[cli]"\n')
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
