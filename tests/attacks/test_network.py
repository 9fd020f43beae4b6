"""A program must reach no network, not even this machine's own."""

import errno
import socket
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests._sandboxes import attack
from tests.attacks._programs import inside, outside
from tests.attacks.programs import network
from ttrl_cli.sandbox.base import Property
from ttrl_cli.sandbox.session import Sandbox


@pytest.fixture
def short_folders() -> Iterator[list[Path]]:
    """A folder in the system's temporary one, one at home; names of sockets may not be long."""
    with (
        tempfile.TemporaryDirectory(prefix="ttrl-") as folder,
        tempfile.TemporaryDirectory(dir=Path.home()) as at_home,
    ):
        yield [Path(folder), Path(at_home)]


@attack(Property.NETWORK)
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_servers_of_this_machine_are_out_of_reach(sandbox: Sandbox, address: str) -> None:
    """A server on the machine's own address gets no connection and no datagram."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as server, socket.socket(family, socket.SOCK_DGRAM) as other:
        server.bind((address, 0))
        port = server.getsockname()[1]
        other.bind((address, port))
        server.listen()
        for listener in (server, other):
            listener.setblocking(False)
        where = {"port": port, "family": int(family), "address": address}
        assert outside(network.reach, **where).keys() >= {"stream", "datagram", "listed"}
        server.accept()[0].close()
        assert other.recv(9) == b"canary"
        while True:  # those of the fast open, if the kernel has it
            try:
                server.accept()[0].close()
            except BlockingIOError:
                break
        assert inside(sandbox, network.reach, **where) == {}
        with pytest.raises(BlockingIOError):
            server.accept()
        with pytest.raises(BlockingIOError):
            other.recv(9)


@attack(Property.NETWORK)
def test_unix_sockets_of_others_are_out_of_reach(
    sandbox: Sandbox, short_folders: list[Path]
) -> None:
    """Servers with a path, below temporary folder or home, or an abstract name, get nothing."""
    paths = [str(folder / "canary") for folder in short_folders]
    names = [*paths, f"@ttrl-canary-{uuid.uuid4().hex}"]
    with ExitStack() as stack:
        for name in names:
            server = stack.enter_context(socket.socket(socket.AF_UNIX))
            server.bind("\0" + name[1:] if name.startswith("@") else name)
            server.listen()
        reached = outside(network.reach_by_name, names=names)
        assert reached.keys() == {f"{name} 1" for name in names}
        assert inside(sandbox, network.reach_by_name, names=names) == {}


@attack(Property.NETWORK)
def test_names_do_not_resolve(sandbox: Sandbox) -> None:
    """No name server is asked, and no file of names read."""
    assert inside(sandbox, network.resolve) == {}


@attack(Property.NETWORK)
def test_sockets_of_no_other_family_can_be_made(sandbox: Sandbox) -> None:
    """Of all address families and kinds of sockets, only the Unix family's can be made."""
    # the kernel, as the filter, knows the low half of the first argument only
    assert inside(sandbox, network.make_sockets) == [socket.AF_UNIX, 0x1_0000_0001]


@attack(Property.NETWORK)
def test_special_sockets_cannot_be_made(sandbox: Sandbox) -> None:
    """Raw packets, netlink, virtual machine sockets and the kernel's ciphers are refused."""
    assert set(inside(sandbox, network.make_special_sockets).values()) == {errno.EPERM}


@attack(Property.NETWORK)
def test_it_cannot_even_talk_to_itself_by_address(sandbox: Sandbox) -> None:
    """A server of its own on the loopback address cannot be made, let alone reached."""
    assert outside(network.talk_to_itself).keys() == {"talk", "server"}
    assert inside(sandbox, network.talk_to_itself) == {}


@attack(Property.NETWORK)
def test_its_own_processes_may_talk(sandbox: Sandbox) -> None:
    """Socket pairs and Unix sockets in its own folder work, as multiprocessing needs them."""
    assert inside(sandbox, network.talk_among_its_own) == ["pair", "path", [1, 2]]
