"""Reading and writing at a place in a file, which POSIX does in one step and Windows in two."""

import os
import sys

if sys.platform == "win32":

    def read_at(descriptor: int, size: int, position: int) -> bytes:
        """Read up to `size` bytes."""
        os.lseek(descriptor, position, os.SEEK_SET)
        return os.read(descriptor, size)

    def write_at(descriptor: int, content: bytes, position: int) -> int:
        """Write, and return how many bytes were written."""
        os.lseek(descriptor, position, os.SEEK_SET)
        return os.write(descriptor, content)

else:
    read_at = os.pread
    write_at = os.pwrite
