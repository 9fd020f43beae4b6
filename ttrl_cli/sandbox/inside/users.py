"""Give a candidate's user a name in Python: no list of users is shown to it.

`getpass.getuser` reads USER. Programs and libraries that ask `pwd` and `grp` for the names of their
own ids get the same here; other ids, and programs that a candidate starts, find no list.
"""

from __future__ import annotations

import functools
import grp
import os
import pwd
from collections.abc import Callable
from typing import Any


def name_user() -> None:
    """Make `pwd` and `grp` answer for this process's own ids where the system does not."""
    name, home = os.environ.get("USER"), os.environ.get("HOME")
    if name is None or home is None:
        return
    user = pwd.struct_passwd((name, "x", os.getuid(), os.getgid(), "", home, "/bin/sh"))
    group = grp.struct_group((name, "x", os.getgid(), []))
    for module, function, key, entry in (
        (pwd, "getpwuid", os.getuid(), user),
        (pwd, "getpwnam", name, user),
        (grp, "getgrgid", os.getgid(), group),
        (grp, "getgrnam", name, group),
    ):
        setattr(module, function, _or_own(getattr(module, function), key, entry))


def _or_own(find: Callable[[Any], Any], own: object, entry: object) -> Callable[[Any], Any]:
    """Wrap a lookup function so that it also finds one entry of its own."""

    @functools.wraps(find)
    def found(key: Any) -> Any:
        try:
            return find(key)
        except KeyError:
            if key == own:
                return entry
            raise

    return found
