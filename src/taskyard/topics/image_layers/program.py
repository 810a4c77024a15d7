"""
A Linux program of two hundred bytes, for an image that is made by hand.

Source: System V ABI, AMD64 supplement (ELF header, system calls of Linux on x86-64).
"""

from __future__ import annotations

import struct

LOADED_AT = 0x400000
HEADERS_BYTES = 64 + 56
CODE = (
    bytes.fromhex("b802000000")  # mov eax, 2      open
    + bytes.fromhex("488d3d")
    + struct.pack("<i", 51)  # lea rdi, [rip + 51]: the path
    + bytes.fromhex("31f60f05")  # xor esi, esi; syscall
    + bytes.fromhex("89c74881ec001000004889e6ba0010000031c00f05")  # read 4096 bytes to the stack
    + bytes.fromhex("89c2b801000000bf010000004889e60f05")  # write them to stdout
    + bytes.fromhex("b83c00000031ff0f05")  # exit 0
)


def show_file(path: str) -> bytes:
    """Return a static program for Linux on x86-64 that prints a file of at most 4096 bytes."""
    code = CODE + path.encode() + b"\0"
    size = HEADERS_BYTES + len(code)
    header = struct.pack(
        "<16sHHIQQQIHHHHHH",
        b"\x7fELF\x02\x01\x01",
        *(2, 62, 1, LOADED_AT + HEADERS_BYTES),  # a program, x86-64, its first instruction
        *(64, 0, 0, 64, 56, 1, 0, 0, 0),
    )
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, LOADED_AT, LOADED_AT, size, size, 0x1000)
    return header + segment + code
