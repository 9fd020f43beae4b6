"""How long does the report of 5,000 attempts take to write and to open? Beside one of 500.

    python tests/benchmarks/report_speed.py

The texts are random words, 3 kB an attempt, which compress worse than what models write. Opened is
from the address to the moment at which the best solution, its prompt, the score's curve and the
tree are drawn, in headless Chromium.
"""

import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests._helpers import solve, ttrl, write_problem  # noqa: E402

LENGTH = """
def verify(text):
    return text

def score(text):
    return float(text.split()[0])
"""
WORDS = [f"{first}{last}" for first in "bcdfglmnprst" for last in ("a", "ele", "ino", "uro", "ys")]
DRAWN = ("#seen pre", ".solution h3", ".wide path.line.one", ".tree circle[cx]")


def texts(attempts: int) -> Iterator[str]:
    """Yield a text of 3 kB for each attempt, which begins with its score."""
    rng = random.Random(0)
    for number in range(attempts):
        yield f"{number % 977} {' '.join(rng.choices(WORDS, k=750))}"


def made(folder: Path, steps: int) -> Path:
    """Make a run of 200 attempts a step."""
    problem = write_problem(folder / "problem", LENGTH, seed="1 seed")
    options = ["--groups", 8, "--group-size", 25, "--steps", steps, "--quiet"]
    done = solve(problem, folder / "run", texts(200 * steps), *options)
    assert done.code == 0, done.err
    return folder / "run"


def opening(browser: Any, file: Path) -> float:
    """Return the seconds until all that is first seen is drawn."""
    page = browser.new_page(viewport={"width": 1280, "height": 2000})
    begun = time.perf_counter()
    page.goto(file.as_uri())
    for selector in DRAWN:
        page.wait_for_selector(selector)
    seconds = time.perf_counter() - begun
    page.close()
    return seconds


def main() -> None:
    """Print a line for each size."""
    path = shutil.which("chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        for steps in (3, 25):
            run = made(Path(folder) / str(steps), steps)
            begun = time.perf_counter()
            assert ttrl("report", run).code == 0
            writing = time.perf_counter() - begun
            file = run / "report.html"
            found = sorted(opening(browser, file) for _ in range(5))
            sys.stdout.write(
                f"{200 * steps} attempts: written in {writing:.1f} s, "
                f"{file.stat().st_size / 2**20:.1f} MiB, opened in {found[2]:.2f} s "
                f"(best {found[0]:.2f}, worst {found[-1]:.2f})\n"
            )
        browser.close()


if __name__ == "__main__":
    main()
