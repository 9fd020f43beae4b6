"""What `solution:` of a problem.yaml may name: files that programs read, and compiler flags."""

import os
import re
from pathlib import Path, PurePosixPath

NEVER_COPIED = frozenset({".git", ".hg", ".venv", "venv", "__pycache__", "runs"})
"""Names in a problem's folder that a run's copy of it leaves out."""
_OWN = ("candidate", "candidate.py", "candidate.cpp", "candidate.out")
"""Names that a program's own text has in its working folder."""
_FLAGS = (
    r"-O[0-3s]|-Ofast",
    r"-std=(?:c|gnu)\+\+(?:11|14|17|20|23|26|2[abc])",
    r"-m(?:arch|tune)=[a-z0-9][a-z0-9.+-]{0,40}",
    r"-m(?:sse[0-9.]*|ssse3|avx[a-z0-9]*|fma|bmi2?|popcnt|lzcnt|f16c|aes|pclmul)",
    r"-f(?:no-)?(?:fast-math|math-errno|trapping-math|signed-zeros|associative-math|reciprocal-math"
    r"|finite-math-only|rounding-math|unroll-loops|unroll-all-loops|tree-vectorize|inline-functions"
    r"|omit-frame-pointer|strict-aliasing|wrapv|exceptions|rtti|openmp|openmp-simd|lto|ipa-pta"
    r"|prefetch-loop-arrays|stack-protector)",
    r"-ffp-contract=(?:fast|off|on)",
    r"-D[A-Za-z_][A-Za-z0-9_]{0,60}(?:=[A-Za-z0-9_.+-]{0,60})?",
    r"-(?:pthread|static|s|w|g|Wall|Wextra|pedantic)",
)
"""No flag names a file, a program or a plug-in, or hands words on to the linker."""
_ALLOWED = re.compile("|".join(f"(?:{one})" for one in _FLAGS))
_STANDARD = re.compile(r"-std=(?:c|gnu)\+\+(\w+)")


def fault_of_file(folder: Path, name: str) -> str:
    """Say why a file of the problem's folder cannot be shown to programs; empty if it can.

    Args:
        folder: The problem's folder, without links in its path.
        name: The file's path from there.
    """
    parts = PurePosixPath(name).parts
    path = folder / name
    if not parts or str(PurePosixPath(*parts)) != name or "\0" in name or "\\" in name:
        return f"expected a path such as data/words.txt (got {name!r})"
    if parts[0] == "/" or ".." in parts or not path.resolve().is_relative_to(folder):
        return f"{name} lies outside the problem's folder"
    for left_out in sorted(NEVER_COPIED.intersection(parts)):
        return f"a run's copy of the problem leaves out {left_out}; put the file elsewhere"
    if parts[0] in _OWN:
        return f"{parts[0]} is what the program's own text is called in its folder; rename it"
    return _fault_of_path(path)


def _fault_of_path(path: Path) -> str:
    if not path.exists():
        return f"no such file: {path}"
    if path.is_dir():
        return f"{path} is a folder; name the files in it"
    if not path.is_file():
        return f"{path} is no ordinary file"
    return "" if os.access(path, os.R_OK) else f"{path} cannot be read"


def fault_of_flag(flag: str) -> str:
    """Say why a compiler flag is not allowed; empty if it is."""
    if _ALLOWED.fullmatch(flag):
        return ""
    return (
        f"{flag!r} is not allowed; allowed are -O levels, -std=, -march= and other -m, -f flags "
        "for optimizing, -fopenmp, -D names (docs/sandbox.md)"
    )


def standard_of(flags: list[str]) -> str:
    """Return the number of the C++ standard that a program is compiled by."""
    found = [match[1] for flag in flags if (match := _STANDARD.fullmatch(flag))]
    return found[-1] if found else "20"
