"""``wake``: gives a forked guest a right clock and random numbers of its own.

Forks of one snapshot share the kernel's random pool, and nothing but an ioctl(2) reseeds it, which no
shell can call. The program is some machine code, so that an image needs no compiler. It waits in the
guest, because starting a process costs a fresh fork a tenth of a second: for each 88 bytes on standard
input (a ``struct timespec`` for clock_settime(2) and a ``struct rand_pool_info`` for random(4)) it
answers with a line, ``0`` when all went well and ``1`` otherwise.
"""

from __future__ import annotations

import struct

ENTROPY = 64
"""Bytes of entropy that ``wake`` takes."""

_CODE = bytes.fromhex(
    "488d3d99000000"  # lea rdi, [path]      rbx = open("/dev/urandom", O_RDWR)
    "be02000000"  # mov esi, 2
    "31d2"  # xor edx, edx
    "b802000000"  # mov eax, 2
    "0f05"  # syscall
    "85c0"  # test eax, eax
    "787b"  # js exit
    "89c3"  # mov ebx, eax
    "4c8da42400f0ffff"  # lea r12, [rsp-4096]
    "31ff"  # again: xor edi, edi           read(0, buffer, 88)
    "4c89e6"  # mov rsi, r12
    "ba58000000"  # mov edx, 88
    "31c0"  # xor eax, eax
    "0f05"  # syscall
    "83f858"  # cmp eax, 88
    "755e"  # jne exit
    "31ff"  # xor edi, edi                  r13 = clock_settime(CLOCK_REALTIME, buffer)
    "4c89e6"  # mov rsi, r12
    "b8e3000000"  # mov eax, 227
    "0f05"  # syscall
    "4189c5"  # mov r13d, eax
    "89df"  # mov edi, ebx                  r13 |= ioctl(rbx, RNDADDENTROPY, buffer + 16)
    "be03520840"  # mov esi, 0x40085203
    "498d542410"  # lea rdx, [r12+16]
    "b810000000"  # mov eax, 16
    "0f05"  # syscall
    "4109c5"  # or r13d, eax
    "89df"  # mov edi, ebx                  r13 |= ioctl(rbx, RNDRESEEDCRNG, 0)
    "be07520000"  # mov esi, 0x5207
    "31d2"  # xor edx, edx
    "b810000000"  # mov eax, 16
    "0f05"  # syscall
    "4109c5"  # or r13d, eax
    "488d3538000000"  # lea rsi, [good]     write(1, r13 ? bad : good, 2)
    "4585ed"  # test r13d, r13d
    "7407"  # jz tell
    "488d352e000000"  # lea rsi, [bad]
    "bf01000000"  # tell: mov edi, 1
    "ba02000000"  # mov edx, 2
    "b801000000"  # mov eax, 1
    "0f05"  # syscall
    "eb8f"  # jmp again
    "bf01000000"  # exit: mov edi, 1        exit(1)
    "b83c000000"  # mov eax, 60
    "0f05"  # syscall
)
_DATA = b"/dev/urandom\0" + b"0\n" + b"1\n"  # path, good, bad

_BASE = 0x400000
_HEADERS = 64 + 56


def program() -> bytes:
    """Return ``wake`` as a static ELF program for x86-64 (System V ABI, chapter 4 and 5)."""
    size = _HEADERS + len(_CODE) + len(_DATA)
    identity = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", identity, 2, 62, 1, _BASE + _HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0
    )
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x1000)
    return header + segment + _CODE + _DATA


def message(seconds: float, entropy: bytes) -> bytes:
    """Return what ``wake`` reads: the time to set, in seconds since the epoch, and fresh entropy.

    Raises:
        ValueError: there are not ``ENTROPY`` bytes of entropy.
    """
    if len(entropy) != ENTROPY:
        raise ValueError(f"{len(entropy)} bytes of entropy instead of {ENTROPY}")
    whole = int(seconds)
    time = struct.pack("<qq", whole, int((seconds - whole) * 1e9))
    return time + struct.pack("<ii", 8 * ENTROPY, ENTROPY) + entropy
