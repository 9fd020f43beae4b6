"""Programs that make system calls which are not there for them."""

import ctypes
import mmap
import os
import platform
import shutil
import socket
import struct
import subprocess
import sys
import threading

from tests.attacks.programs.tools import c_call, call, error_of


def make_a_thread_with_own_files() -> list[int]:
    """Make a thread that does not share open files; return what was made, and the error."""
    own = ctypes.CDLL(None, use_errno=True)
    number = {"x86_64": 56, "aarch64": 220}[platform.machine()]
    made = own.syscall(ctypes.c_long(number), ctypes.c_ulong(0x10900), None, None, None, None)
    return [made, ctypes.get_errno()]


def make_calls(numbers: dict[str, int]) -> dict[str, int]:
    """Make calls without arguments; return the error numbers."""
    return {name: error_of(call, number, 0, 0, 0, 0, 0, 0) for name, number in numbers.items()}


def make_call(number: int, arguments: list[int]) -> int:
    """Make a call; return the error number."""
    return error_of(call, number, *arguments)


def make_x32_calls() -> list[int]:
    """Make calls by the numbers of the x32 ABI; return the error numbers."""
    numbers = [bit + n for n in range(600) for bit in (1 << 30, 1 << 31)]
    return [error_of(call, number, 0, 0, 0) for number in numbers]


def execute(code: bytes) -> int:
    """Execute machine code."""
    page = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=7)
    page.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    result: int = ctypes.CFUNCTYPE(ctypes.c_int)(address)()
    return result


def make_32_bit_call(number: int) -> int:
    """Make a 32-bit call by int 0x80; return what it returns."""
    # mov ebx, 2; mov ecx, 1; xor edx, edx; mov eax, NUMBER; int 0x80
    start = bytes.fromhex("53bb02000000b90100000031d2b8") + struct.pack("=I", number)
    return execute(start + bytes.fromhex("cd805bc3"))


def make_sockets_by_machine_code() -> list[object]:
    """Make sockets of three families by instructions of its own."""
    # mov edi, FAMILY; mov esi, 1; xor edx, edx; mov eax, 41; syscall; ret
    end = bytes.fromhex("be0100000031d2b8290000000f05c3")
    sockets = [execute(b"\xbf" + struct.pack("=I", family) + end) for family in (1, 2, 16)]
    return [sockets[0] > 2, sockets[1:]]


def use_a_c_library_of_its_own() -> list[object]:
    """Make calls by a copy of the C library; return its number, and what succeeded."""
    with open("/proc/self/maps") as file:
        path = next(line.split()[-1] for line in file if "/libc.so" in line or "/libc-" in line)
    shutil.copy(path, "/tmp/own-libc.so")
    own = ctypes.CDLL("/tmp/own-libc.so", use_errno=True)
    calls = {
        "socket": own.socket(2, 1, 0),
        "unshare": own.unshare(0x10000000),
        "mount": own.mount(b"none", b"/tmp", b"tmpfs", ctypes.c_ulong(0), None),
        "ptrace": own.ptrace(16, 1, 0, 0),
        "chroot": own.chroot(b"/tmp"),
    }
    return [own.getpid(), {name: result for name, result in calls.items() if result != -1}]


def loosen_the_filter() -> list[object]:
    """Switch the filter off, and add one that allows everything; return what is refused then."""
    allow = ctypes.create_string_buffer(struct.pack("=HBBI", 6, 0, 0, 0x7FFF0000))
    program = ctypes.create_string_buffer(struct.pack("@HP", 1, ctypes.addressof(allow)))
    off = error_of(c_call, "prctl", 22, 0, 0, 0, 0)
    more = error_of(c_call, "prctl", 22, 2, program, 0, 0)
    return [off != 0, more, error_of(socket.socket), error_of(call, (101, 117), 0, 0, 0, 0)]


def try_from_threads_and_children() -> list[object]:
    """Make refused calls from a thread, a fork and another program."""
    errors = []

    def attempt() -> None:
        errors.append(error_of(socket.socket))
        errors.append(error_of(call, (165, 40), 0, 0, 0, 0, 0))

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.write(writer, bytes([error_of(socket.socket)]))
        os._exit(0)
    os.wait()
    words = [sys.executable, "-I", "-S", "-c", "import socket; socket.socket()"]
    other = subprocess.run(words, capture_output=True, text=True, check=False).stderr
    return [errors, os.read(reader, 1)[0], "PermissionError" in other]


def type_into_a_terminal() -> list[int]:
    """Type into a terminal, by requests with stray high bits, too."""
    requests = [0x5412, 0x541C, 0x5412 | 1 << 32, 0x541C | 0xABCD << 32]
    return [error_of(call, (16, 29), 0, request, b"x") for request in requests]
