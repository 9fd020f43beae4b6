"""Problems' folders as packages, which every process that has this package can import.

The files of a problem are modules of `ttrl_cli.grading.folders.NAME`, where NAME spells the path of
its folder: they can import each other relatively, no other problem's file can be taken for one of
them, and what they define can be sent to processes that a verifier starts, however it starts them.
"""

import base64
import importlib.util
import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

__path__: list[str] = []
"""This module is a package, whose members the finder below finds."""


def package_of(folder: Path) -> str:
    """Return the name of the package that stands for a folder."""
    spelt = base64.urlsafe_b64encode(os.fsencode(folder)).decode("ascii")
    return f"{__name__}.{spelt.rstrip('=')}"


class _Folders(MetaPathFinder):
    """Finds the packages; their modules are found by Python itself."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the specification of a folder's package; None for any other module."""
        del path, target
        parent, _, spelt = fullname.rpartition(".")
        if parent != __name__:
            return None
        try:
            folder = Path(os.fsdecode(base64.urlsafe_b64decode(spelt + "=" * (-len(spelt) % 4))))
        except ValueError:
            return None
        if (folder / "__init__.py").is_file():
            return importlib.util.spec_from_file_location(
                fullname, folder / "__init__.py", submodule_search_locations=[str(folder)]
            )
        spec = ModuleSpec(fullname, None, is_package=True)
        spec.submodule_search_locations = [str(folder)]
        return spec


sys.meta_path.append(_Folders())
