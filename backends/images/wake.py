"""``wake``: the program a forked guest runs first, to have a right clock and random numbers of its own.

Forks of one snapshot share the kernel's random pool, and nothing but an ioctl(2) reseeds it, which no
shell can call. The program is 142 bytes of machine code, so that an image needs no compiler. It reads
88 bytes: a ``struct timespec`` for clock_settime(2), and a ``struct rand_pool_info`` for random(4).
"""

from __future__ import annotations

import struct

ENTROPY = 64
"""Bytes of entropy that ``wake`` takes."""

_CODE = (
    bytes.fromhex(
        "31ff"  # xor edi, edi                  read(0, buffer, 88)
        "488db42400f0ffff"  # lea rsi, [rsp-4096]
        "4989f4"  # mov r12, rsi
        "ba58000000"  # mov edx, 88
        "31c0"  # xor eax, eax
        "0f05"  # syscall
        "83f858"  # cmp eax, 88
        "755a"  # jne fail
        "31ff"  # xor edi, edi                  clock_settime(CLOCK_REALTIME, buffer)
        "4c89e6"  # mov rsi, r12
        "b8e3000000"  # mov eax, 227
        "0f05"  # syscall
        "85c0"  # test eax, eax
        "754a"  # jnz fail
        "488d3d4f000000"  # lea rdi, [rip+path]  open("/dev/urandom", O_RDWR)
        "be02000000"  # mov esi, 2
        "31d2"  # xor edx, edx
        "b802000000"  # mov eax, 2
        "0f05"  # syscall
        "85c0"  # test eax, eax
        "7831"  # js fail
        "89c3"  # mov ebx, eax                  ioctl(fd, RNDADDENTROPY, buffer + 16)
        "89df"  # mov edi, ebx
        "be03520840"  # mov esi, 0x40085203
        "498d542410"  # lea rdx, [r12+16]
        "b810000000"  # mov eax, 16
        "0f05"  # syscall
        "85c0"  # test eax, eax
        "7518"  # jnz fail
        "89df"  # mov edi, ebx                  ioctl(fd, RNDRESEEDCRNG, 0)
        "be07520000"  # mov esi, 0x5207
        "31d2"  # xor edx, edx
        "b810000000"  # mov eax, 16
        "0f05"  # syscall
        "85c0"  # test eax, eax
        "7504"  # jnz fail
        "31ff"  # xor edi, edi
        "eb05"  # jmp exit
        "bf01000000"  # fail: mov edi, 1
        "b83c000000"  # exit: mov eax, 60       exit(edi)
        "0f05"  # syscall
    )
    + b"/dev/urandom\0"
)

_BASE = 0x400000
_HEADERS = 64 + 56


def program() -> bytes:
    """Return ``wake`` as a static ELF program for x86-64 (System V ABI, chapter 4 and 5)."""
    size = _HEADERS + len(_CODE)
    identity = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", identity, 2, 62, 1, _BASE + _HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0
    )
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x1000)
    return header + segment + _CODE


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
