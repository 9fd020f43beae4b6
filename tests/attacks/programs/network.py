"""Programs that reach for a network."""

import ctypes
import os
import socket
from collections.abc import Callable
from functools import partial

from tests.attacks.programs.tools import call, error_of, gains


def reach(port: int, family: int, address: str) -> dict[str, str]:
    """Reach a server by its address."""

    def stream() -> None:
        with socket.socket(family, socket.SOCK_STREAM) as s:
            s.settimeout(1)
            s.connect((address, port))

    def datagram() -> int:
        with socket.socket(family, socket.SOCK_DGRAM) as s:
            return s.sendto(b"canary", (address, port))

    def fast_open() -> int:
        with socket.socket(family, socket.SOCK_STREAM) as s:
            return s.sendto(b"canary", socket.MSG_FASTOPEN, (address, port))

    def listed() -> None:
        with open("/proc/net/tcp" + "6" * (family == socket.AF_INET6)) as file:
            if f":{port:04X} " not in file.read():
                raise OSError

    return gains({"stream": stream, "datagram": datagram, "open": fast_open, "listed": listed})


def reach_by_name(names: list[str]) -> dict[str, str]:
    """Reach Unix sockets by their paths, or by abstract names, which begin with an @."""

    def connected(kind: int, name: str) -> None:
        with socket.socket(socket.AF_UNIX, kind) as s:
            s.connect(name)

    tries: dict[str, Callable[[], object]] = {}
    for name in names:
        address = chr(0) + name[1:] if name.startswith("@") else name
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            tries[f"{name} {kind}"] = partial(connected, kind, address)
    return gains(tries)


def resolve() -> dict[str, str]:
    """Ask for the addresses of names."""
    names = ["example.com", "localhost", socket.gethostname()]
    return gains({name: partial(socket.getaddrinfo, name, 80) for name in names})


def make_sockets() -> list[int]:
    """Make sockets of every family and kind; return the families that there are."""
    found = set()
    for family in [*range(64), 0x100000001, 0x100000002, -1]:
        for kind in range(1, 8):
            for number in ((41, 198), (53, 199)):
                pair = (ctypes.c_int * 2)()
                if not error_of(call, number, family, kind, 0, pair):
                    found.add(family)
    return sorted(found)


def make_special_sockets() -> dict[str, int]:
    """Make sockets that reach past the network; return the error numbers."""
    kinds = {
        "ping": (2, socket.SOCK_DGRAM, 1),
        "raw ICMP": (2, socket.SOCK_RAW, 1),
        "raw IPv6": (10, socket.SOCK_RAW, 58),
        "netlink": (16, socket.SOCK_RAW, 0),
        "packet": (17, socket.SOCK_RAW, 768),
        "vsock": (40, socket.SOCK_STREAM, 0),
        "algorithm": (38, socket.SOCK_SEQPACKET, 0),
        "bluetooth": (31, socket.SOCK_RAW, 1),
        "CAN": (29, socket.SOCK_RAW, 1),
        "XDP": (44, socket.SOCK_RAW, 0),
    }
    return {name: error_of(socket.socket, *kind) for name, kind in kinds.items()}


def talk_to_itself() -> dict[str, str]:
    """Make servers, and talk to one of them."""

    def talk() -> str:
        with (
            socket.create_server(("127.0.0.1", 0)) as server,
            socket.create_connection(server.getsockname()),
        ):
            return "connected"

    return gains({"talk": talk, "server": lambda: socket.create_server(("", 0)).close()})


def talk_among_its_own() -> list[object]:
    """Talk by a pair of sockets, by a Unix socket and by a pool: what a program may do."""
    import multiprocessing.connection

    left, right = socket.socketpair()
    left.sendall(b"pair")
    with multiprocessing.connection.Listener("/tmp/own", "AF_UNIX") as listener:
        if os.fork() == 0:
            with multiprocessing.connection.Client("/tmp/own", "AF_UNIX") as client:
                client.send("path")
            os._exit(0)
        with listener.accept() as connection:
            heard = connection.recv()
        os.wait()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return [right.recv(9).decode(), heard, pool.map(abs, [-1, -2])]
