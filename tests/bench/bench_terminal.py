"""How many MB/s the terminal's emulation takes, as a ratio to pyte as shipped, in the same run.

Prints a line for people and one of JSON for each stream. All take turns on the same bytes: ours, pyte
and, where it is installed, ghostty.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyte

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from app.tui.terminal.emulator import PyteEmulator
from app.tui.terminal.emulators import NoEmulator, load

FOLDER = Path(__file__).resolve().parents[1] / "unit" / "terminal" / "streams"
CHUNK = 16384


def plain(columns: int) -> bytes:
    """Return what a program prints line by line."""
    words = "the quick brown fox jumps over the lazy dog while a guest boots and logs a line of text "
    lines = [f"{n:06d} {(words * 3)[: (n * 37) % (columns - 8)]}\r\n" for n in range(4000)]
    return "".join(lines).encode()


def kernel() -> bytes:
    """Return a boot log with its colours."""
    stamp, device = "\x1b[32m[{0:12.6f}] \x1b[0m", "\x1b[33mvirtio_blk virtio{1}\x1b[0m"
    line = f"{stamp}{device}: [vda] {{0}} 512-byte logical blocks\r\n"
    return "".join(line.format(n / 7, n % 9) for n in range(3000)).encode()


def dense() -> bytes:
    """Return text whose colour changes every few characters."""
    cells = "".join(f"\x1b[38;5;{16 + n % 200};48;5;{232 + n % 20}m{n % 1000:03d}" for n in range(20000))
    return cells.encode()


def recorded(name: str, times: int) -> tuple[int, int, bytes]:
    """Return a recorded program's size and its stream, over and over."""
    header, _, data = gzip.decompress((FOLDER / f"{name}.gz").read_bytes()).partition(b"\n")
    about = json.loads(header)
    return about["columns"], about["rows"], data * times


def seconds(feed: Callable[[bytes], None], data: bytes) -> float:
    """Return how long a stream takes, fed as a PTY gives it."""
    began = time.process_time()
    for position in range(0, len(data), CHUNK):
        with contextlib.suppress(Exception):  # pyte raises and loses the chunk
            feed(data[position : position + CHUNK])
    return time.process_time() - began


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=7, help="rounds")
    rounds = parser.parse_args().n
    streams = {
        "plain 80x24": (80, 24, plain(80)),
        "plain 200x50": (200, 50, plain(200)),
        "kernel colours 80x24": (80, 24, kernel()),
        "dense SGR 80x24": (80, 24, dense()),
        "vim": recorded("vim", 4),
        "less": recorded("less", 4),
        "htop": recorded("htop", 10),
    }
    try:
        ghostty = load("ghostty")
    except NoEmulator:
        ghostty = None
    for name, (columns, rows, data) in streams.items():
        times: dict[str, list[float]] = {"ours": [], "pyte": []}
        for _ in range(rounds):
            times["ours"].append(seconds(PyteEmulator(columns, rows).feed, data))
            if ghostty is not None:
                times.setdefault("ghostty", []).append(seconds(ghostty(columns, rows, 5000).feed, data))
            times["pyte"].append(seconds(pyte.ByteStream(pyte.Screen(columns, rows)).feed, data))
        speed = {who: len(data) / statistics.median(taken) / 1e6 for who, taken in times.items()}
        ratio = speed["ours"] / speed["pyte"]
        print(f"{name:<22} {speed['ours']:6.2f} MB/s, pyte {speed['pyte']:5.2f}: x{ratio:.1f}  [n={rounds}]")
        if "ghostty" in speed:
            print(f"{'':<22} ghostty {speed['ghostty']:.0f} MB/s: x{speed['ghostty'] / speed['pyte']:.0f}")
        result = {"bench": "terminal", "stream": name, "n": rounds, "bytes": len(data), "unit": "MB/s"}
        result |= {who: round(value, 3) for who, value in speed.items()}
        print(json.dumps(result | {"ratio": round(ratio, 2)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
