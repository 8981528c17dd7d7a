"""Prints lines as fast as its terminal takes them, and counts: ``python flood.py FILE INDEX``.

FILE is shared with the prober: its first byte is 1 while floods may print; from byte 8 on there is a
64-bit number for each flood, the bytes it has printed. It is run by its path and imports little, so that
many of them start at once.
"""

import mmap
import os
import struct
import sys
import time

LINES = 64
PAUSE = 0.01


def main() -> None:
    """Print until the terminal is gone."""
    number = int(sys.argv[2])
    with open(sys.argv[1], "r+b") as file:  # noqa: PTH123 - pathlib is slow to import
        shared = mmap.mmap(file.fileno(), 0)
    block = b"".join(
        b"%06d the quick brown fox jumps over the lazy dog 0123456789 %s\r\n" % (n, b"-=" * (n % 20))
        for n in range(LINES)
    ).replace(b"=", b"-")
    printed = 0
    place = 8 + 8 * number
    while True:
        if shared[0] != 1:
            if shared[0] == 2:
                return
            time.sleep(PAUSE)
            continue
        try:
            printed += os.write(1, block)
        except OSError:
            return
        struct.pack_into("<Q", shared, place, printed)


if __name__ == "__main__":
    main()
