"""Whether an NVIDIA driver is loaded, found out without torch."""

import re
from pathlib import Path

DRIVER = Path("/proc/driver/nvidia/version")
"""A file that is there where an NVIDIA driver is loaded, and names its version."""
DEVICE = Path("/dev/nvidiactl")
"""What an NVIDIA driver makes; in a container it may be there without the other."""


def driver_version() -> str:
    """Return the version of the NVIDIA driver; "unknown" if unreadable, empty if none is loaded."""
    try:
        said = DRIVER.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "unknown" if DEVICE.exists() else ""
    found = re.search(r"\b\d+\.\d+(\.\d+)?\b", said)
    return found.group() if found else "unknown"
