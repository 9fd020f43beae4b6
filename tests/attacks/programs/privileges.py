"""Programs that ask for privileges."""

import ctypes
import errno
import fcntl
import os
import resource
import signal
import socket
import stat
import struct
import time
from collections.abc import Callable
from functools import partial

from tests.attacks.programs.tools import c_call, call, command, error_of, gains, libc


def privileges() -> dict[str, str]:
    """Tell what the kernel says of the program's privileges."""
    with open("/proc/self/status") as file:
        pairs = [line.partition(":") for line in file]
    now = {name: value.strip() for name, _, value in pairs}
    names = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "Uid", "Gid", "NoNewPrivs")
    return {name: now[name] for name in names}


def be_seen(name: str) -> None:
    """Take a name by which the process can be found from outside, and stay a while."""
    libc.prctl(15, name.encode())
    time.sleep(2)


def take_ids() -> list[dict[str, str]]:
    """Become other users and groups by every call there is; return privileges before and after."""
    before = privileges()
    for number in (0, 1, 1000, 65534):
        for name in ("setuid", "seteuid", "setgid", "setegid"):
            error_of(getattr(os, name), number)
        error_of(os.setresuid, number, number, number)
        error_of(os.setresgid, number, number, number)
        error_of(os.setgroups, [number])
        error_of(call, (122, 151), number)  # setfsuid
        error_of(call, (123, 152), number)  # setfsgid
    return [before, privileges()]


def regain_capabilities() -> list[object]:
    """Take capabilities back; return what was gained, and what there is then."""
    everything = struct.pack("=6I", *[0xFFFFFFFF] * 6)
    tries: dict[str, Callable[[], object]] = {
        "capset": lambda: c_call("capset", struct.pack("=Ii", 0x20080522, 0), everything),
        "ambient": lambda: c_call("prctl", 47, 2, 21, 0, 0),
        "keep": lambda: c_call("prctl", 28, 0x3F, 0, 0, 0),
        "privileges": lambda: c_call("prctl", 38, 0, 0, 0, 0),
    }
    return [gains(tries), privileges()["CapEff"], privileges()["NoNewPrivs"]]


def run_as_root() -> list[object]:
    """Run programs that are root's outside, and make one.

    Returns:
        What was gained, whether a program of its own with setuid runs as it does itself, and the
        mounts where setuid would count.
    """
    own = "/tmp/own"
    command("cp", os.path.realpath("/usr/bin/id"), own)
    os.chmod(own, 0o6755)
    as_caller = command("id", "-u"), command("id", "-g")
    gained = gains(
        {
            "su": lambda: command("su", "root", "-c", "id"),
            "sudo": lambda: command("sudo", "-n", "id"),
            "mount": lambda: command("mount", "-t", "tmpfs", "none", "/tmp"),
            "umount": lambda: command("umount", "/proc"),
            "newgrp": lambda: command("newgrp", "root"),
            "passwd": lambda: command("passwd", "-d", "root"),
            "pkexec": lambda: command("pkexec", "id"),
            "chsh": lambda: command("chsh", "-s", "/bin/sh", "root"),
        }
    )
    gained.pop("newgrp", None)  # it starts a shell, with no other group
    with open("/proc/self/mountinfo") as file:
        shown = [line for line in file if "nosuid" not in line.split()[5].split(",")]
    return [gained, (command(own, "-u"), command(own, "-g")) == as_caller, shown]


def make_and_open_devices() -> list[object]:
    """Make devices, open those of the machine, and list those that are there."""
    numbers = {"memory": (1, 1), "port": (1, 4), "log": (1, 11), "fuse": (10, 229)}
    disks = {"vda": (254, 0), "sda": (8, 0), "loop": (7, 0), "nvme": (259, 0), "null": (1, 3)}
    tries: dict[str, Callable[[], object]] = {}
    for kinds, kind in ((numbers, stat.S_IFCHR), (disks, stat.S_IFBLK)):
        for name, (major, minor) in kinds.items():
            device = os.makedev(major, minor)
            tries["make " + name] = partial(os.mknod, "/tmp/" + name, kind | 0o600, device)
    names = ["vda", "sda", "mem", "kmsg", "port", "fuse", "kvm", "loop0", "nvme0n1", "ptmx", "tty"]
    names += ["console", "hpet", "rtc0", "vsock", "nvidia0", "nvidiactl"]
    tries |= {"open " + name: partial(open_to_read, "/dev/" + name) for name in names}
    return [gains(tries), sorted(os.listdir("/dev"))]


def open_to_read(path: str) -> None:
    """Open a file, and close it."""
    os.close(os.open(path, os.O_RDONLY))


def make_a_whiteout() -> dict[str, str]:
    """Make the one device that takes no capability."""
    return gains({"whiteout": lambda: os.mknod("/tmp/whiteout", stat.S_IFCHR | 0o600, 0)})


def make_and_enter_namespaces() -> list[object]:
    """Make and enter namespaces of every kind; return what was gained, and how much was tried."""
    kinds = {
        "time": 0x80,
        "mount": 0x20000,
        "cgroup": 0x2000000,
        "UTS": 0x4000000,
        "IPC": 0x8000000,
        "user": 0x10000000,
        "process": 0x20000000,
        "network": 0x40000000,
    }
    tries: dict[str, Callable[[], object]] = {
        "program": lambda: command("unshare", "-r", "true"),
    }
    for name, flag in kinds.items():
        tries["unshare " + name] = partial(call, (272, 97), flag)
        if name != "time":  # for clone, the same bits are a signal
            tries["clone " + name] = partial(cloned, flag)
        tries["clone3 " + name] = partial(cloned_anew, flag)
    for name in os.listdir("/proc/self/ns"):
        tries["enter " + name] = partial(entered, name)
        tries["owner of " + name] = partial(owner, name)
    return [gains(tries), len(tries)]


def cloned(flags: int) -> None:
    """Make a process in namespaces of its own."""
    child = call((56, 220), flags | signal.SIGCHLD, 0, 0, 0, 0)
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def cloned_anew(flags: int) -> None:
    """Do the same by the newer call."""
    arguments = struct.pack("=8Q", flags, 0, 0, 0, signal.SIGCHLD, 0, 0, 0)
    child = call(435, arguments, len(arguments))
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def entered(name: str) -> int:
    """Enter a namespace."""
    descriptor = os.open("/proc/self/ns/" + name, os.O_RDONLY)
    try:
        return call((308, 268), descriptor, 0)
    finally:
        os.close(descriptor)


def owner(name: str) -> None:
    """Open the namespace around a namespace: NS_GET_PARENT."""
    with open("/proc/self/ns/" + name) as file:
        os.close(fcntl.ioctl(file, 0xB702))


def change_clocks_and_names() -> dict[str, str]:
    """Set and bend the clocks, rename the host, restart it and wake it up."""
    now = time.time()
    moment = struct.pack("=qq", int(now), 0)

    def alarm() -> int:
        timer = ctypes.c_int()
        # a timer on CLOCK_BOOTTIME_ALARM wakes machines
        return call((222, 107), 9, 0, ctypes.byref(timer))

    return gains(
        {
            "clock": lambda: time.clock_settime(time.CLOCK_REALTIME, now),
            "day": lambda: call((164, 170), moment, 0),
            "adjust": lambda: call((159, 171), struct.pack("=Q", 0x4000) + bytes(248)),
            "adjust a clock": lambda: call((305, 266), 0, struct.pack("=Q", 0x4000) + bytes(248)),
            "host": lambda: socket.sethostname("attacked"),
            "domain": lambda: call((171, 162), b"attacked", 8),
            "restart": lambda: call((169, 142), 0, 0, 0, 0),
            "hang up": lambda: call((153, 58)),
            "alarm": alarm,
        }
    )


def raise_limits() -> list[object]:
    """Raise every limit and priority; return what was gained, and which hard limits there are."""
    tries: dict[str, Callable[[], object]] = {}
    finite = []
    for name in dir(resource):
        if name.startswith("RLIMIT_"):
            number = getattr(resource, name)
            _, hard = resource.getrlimit(number)
            if hard != resource.RLIM_INFINITY:
                finite.append(name)
                tries[name] = partial(raise_limit, number, (hard, hard + 1))
                tries[name + " off"] = partial(raise_limit, number, (-1, -1))
    deadline = struct.pack("=IIQiIQQQ", 48, 6, 0, 0, 0, 10**6, 10**7, 10**7)
    tries |= {
        "nice": lambda: os.nice(-1),
        "priority": lambda: os.setpriority(os.PRIO_PROCESS, 0, -20),
        "FIFO": lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
        "round robin": lambda: os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1)),
        "deadline": lambda: call((314, 274), 0, deadline, 0),
        "disk": lambda: call((251, 30), 1, 0, 1 << 13),
    }
    return [gains(tries), finite]


def raise_limit(number: int, value: tuple[int, int]) -> None:
    """Set a limit; Python calls EPERM a ValueError."""
    try:
        resource.setrlimit(number, value)
    except ValueError as error:
        raise PermissionError(errno.EPERM, str(error)) from error
