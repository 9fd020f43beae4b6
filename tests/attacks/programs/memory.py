"""Programs that hold more memory than they may, or hide how much they hold."""

import ctypes
import mmap
import os
import platform
import signal
import socket
import subprocess
import threading
import time

import numpy as np

MIB = 1 << 20
LONG = 30.0
"""Seconds for which memory is held, should nothing end a program: time to be looked at."""
libc = ctypes.CDLL(None)
CLONE_VM, CLONE_VFORK, SIGCHLD = 0x100, 0x4000, 17
stacks: list[ctypes.Array[ctypes.c_char]] = []


def linger(flags: int, microseconds: int) -> int:
    """Start a process that shares this one's memory and sleeps; wait for it with CLONE_VFORK."""
    stacks[16:] = []
    stacks.insert(0, ctypes.create_string_buffer(1 << 16))
    top = ctypes.c_void_p((ctypes.addressof(stacks[0]) + 65000) & ~15)
    function = ctypes.cast(libc.usleep, ctypes.c_void_p)
    flags |= CLONE_VM | SIGCHLD
    process: int = libc.clone(function, top, flags, ctypes.c_void_p(microseconds))
    return process


def hold_heap() -> int:
    """Hold a gigabyte at once."""
    return len(bytearray(1 << 30))


def hold_step_by_step() -> int:
    """Hold a gigabyte in a thousand pieces."""
    return len([bytearray(1 << 20) for _ in range(1 << 10)])


def hold_an_array() -> int:
    """Hold a gigabyte as an array."""
    return len(np.ones(1 << 27))


def hold_text() -> int:
    """Hold a gigabyte as text."""
    return len("x" * (1 << 30))


def map_memory(flags: str) -> int:
    """Map and fill memory, a mebibyte at a time; return how often that went well."""
    kept = []
    try:
        for _ in range(1024):
            kept.append(mmap.mmap(-1, MIB, getattr(mmap, flags) | mmap.MAP_ANONYMOUS))
            kept[-1][::4096] = b"x" * 256
    except OSError:
        pass
    return len(kept)


def hold_in_all_processes(flags: str) -> None:
    """Hold 60 MiB in each of eight processes."""
    for _ in range(8):
        if os.fork() == 0:
            block = mmap.mmap(-1, 60 * MIB, getattr(mmap, flags) | mmap.MAP_ANONYMOUS)
            block[::4096] = b"x" * (60 << 8)
            time.sleep(LONG)
            os._exit(0)
    time.sleep(LONG)


def share_without_a_file() -> list[object]:
    """Map shared memory in every way that needs no file; return what was mapped."""
    got: list[object] = []
    for flags in (mmap.MAP_SHARED, 0x03, mmap.MAP_SHARED | 0x40000):
        try:
            got.append(len(mmap.mmap(-1, 4096, flags | mmap.MAP_ANONYMOUS)))
        except OSError:
            continue
    try:
        with open("/dev/zero", "r+b") as file:
            mmap.mmap(file.fileno(), 4096)
        got.append("zero")
    except OSError:
        pass
    return [got, len(mmap.mmap(-1, 4096, mmap.MAP_PRIVATE))]


def hold_what_no_process_shows() -> str:
    """Fill shared memory in eight processes, and drop it from every page table."""
    for _ in range(8):
        if os.fork() == 0:
            block = mmap.mmap(-1, 80 * MIB)
            for i in range(0, 80 * MIB, 4 * MIB):
                block[i : i + 4 * MIB : 4096] = b"x" * 1024
                block.madvise(mmap.MADV_DONTNEED)
            time.sleep(LONG)
            os._exit(0 if block[0] == 120 else 1)
        time.sleep(0.05)
    time.sleep(LONG)
    return "held 640 MiB"


def hold_behind_dead_first_threads() -> None:
    """Hold memory in processes whose first thread has ended: /proc shows none of it."""
    leave = 60 if platform.machine() == "x86_64" else 93

    def hold() -> None:
        held = bytearray(os.urandom(MIB) * 25)
        time.sleep(LONG)
        del held

    for _ in range(10):
        if os.fork() == 0:
            threading.Thread(target=hold).start()
            time.sleep(0.3)
            libc.syscall(leave, 0)
    time.sleep(LONG)


def hold_while_stopped_and_continued() -> None:
    """Hold memory in processes while the first is stopped and continued without pause."""
    own = os.getpid()
    if os.fork() == 0:
        while True:
            os.kill(own, signal.SIGSTOP)
            os.kill(own, signal.SIGCONT)
    for _ in range(6):
        if os.fork() == 0:
            held = bytearray(os.urandom(MIB) * 60)
            time.sleep(LONG)
            del held
    end = time.monotonic() + LONG
    while time.monotonic() < end:
        time.sleep(0.1)


def linger_between_vfork_and_exec() -> float:
    """Hold 40 MiB, three times with a child that shares them."""
    held = np.ones(40 << 17)
    for _ in range(3):
        assert linger(CLONE_VFORK, 300_000) > 0
    return float(held.sum())


def start_short_programs() -> float:
    """Hold 130 MiB while two threads start small programs all the time."""

    def work() -> None:
        for _ in range(60):
            subprocess.run(["/usr/bin/env", "true"], check=False)

    held = np.ones(130 << 17)
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return float(held.sum())


def share_in_pairs() -> None:
    """Hold 50 MiB in each of four pairs of processes that share them."""
    for _ in range(4):
        if os.fork() == 0:
            held = bytearray(os.urandom(MIB) * 50)
            linger(0, int(LONG * 1e6))
            while held:
                linger(CLONE_VFORK, 1000)
    time.sleep(LONG)


def need_page_tables() -> None:
    """Touch pages so far apart, in four processes, that each needs page tables of its own."""
    libc.mmap.restype = ctypes.c_void_p
    for _ in range(4):
        if os.fork() == 0:
            for place in range(1, 12000):
                where, size = ctypes.c_void_p(place << 30), ctypes.c_size_t(4096)
                page = libc.mmap(where, size, 1, 0x22, -1, ctypes.c_long(0))
                if 0 < page < 1 << 63:
                    ctypes.string_at(page, 1)
            time.sleep(LONG)
    time.sleep(LONG)


def fill_socket_buffers() -> int:
    """Leave data unread in its own sockets; return the mebibytes."""
    kept, held = [], 0
    try:
        while held < 150 * MIB:
            pair = socket.socketpair()
            kept.append(pair)
            for end in pair:
                end.setblocking(False)
                try:
                    while True:
                        held += end.send(bytes(32768))
                except BlockingIOError:
                    continue
    except OSError:
        pass
    time.sleep(0.1)
    return held // MIB
