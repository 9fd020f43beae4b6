"""Programs that look for what is ours in their environment."""

import getpass
import grp
import os
import pathlib
import pwd
import subprocess
from collections.abc import Callable
from glob import glob


def environment() -> list[object]:
    """Return all that names a variable; and the length of what the kernel says of its own."""
    texts = [str(os.environ), as_far_as_readable("/proc/self/environ")]
    paths = glob("/proc/[0-9]*/environ") + glob("/proc/[0-9]*/cmdline")
    texts += map(as_far_as_readable, paths)
    texts.append(subprocess.check_output(["env"], text=True))
    return [len(texts[1]), " ".join(texts)]


def as_far_as_readable(path: str) -> str:
    """Return a file's text, or none."""
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def user_and_home() -> list[object]:
    """Ask for the user's name and home in the usual ways."""
    said = subprocess.check_output("echo $USER $LOGNAME", shell=True, text=True)
    homes = {os.path.expanduser("~"), str(pathlib.Path.home()), os.environ["HOME"]}
    return [getpass.getuser(), said, len(homes), os.access(homes.pop(), os.W_OK)]


def entry_of_the_user() -> object:
    """Ask the lists of users and groups for its own entries, and for some that there are not."""
    own = pwd.getpwuid(os.getuid())
    assert pwd.getpwnam(own.pw_name).pw_uid == own.pw_uid == os.getuid()
    assert pathlib.Path("candidate.py").owner() == own.pw_name
    assert grp.getgrgid(os.getgid()).gr_gid == os.getgid()
    unknown: list[Callable[[], object]] = [
        lambda: pwd.getpwuid(12345678),
        lambda: pwd.getpwnam("no such user"),
        lambda: grp.getgrgid(12345678),
        lambda: grp.getgrnam("no such user"),
    ]
    for ask in unknown:
        try:
            return ask()
        except KeyError:
            continue
    return [own.pw_name, own.pw_dir]
