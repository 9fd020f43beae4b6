# The best rectangle of whole cells of a 10 x 10 grid: every rectangle is tried.

import sys

import numpy as np

GRID, WIDTH = 10, 10_000


def main():
    numbers = np.array(sys.stdin.buffer.read().split(), np.int64)
    count, points = numbers[0], numbers[1:].reshape(-1, 2)
    kinds = np.where(np.arange(2 * count) < count, 1, -1)
    within = (points < GRID * WIDTH).all(axis=1)
    total = np.zeros((GRID + 1, GRID + 1), np.int64)  # of the cells below and to the left
    cells = points[within] // WIDTH + 1
    np.add.at(total, (cells[:, 0], cells[:, 1]), kinds[within])
    sums = total.cumsum(axis=0).cumsum(axis=1).tolist()
    _, left, right, low, high = max(
        (sums[b][d] - sums[a][d] - sums[b][c] + sums[a][c], a, b, c, d)
        for a in range(GRID)
        for b in range(a + 1, GRID + 1)
        for c in range(GRID)
        for d in range(c + 1, GRID + 1)
    )
    # the far sides lie just before the next cells
    x0, x1, y0, y1 = left * WIDTH, right * WIDTH - 1, low * WIDTH, high * WIDTH - 1
    print(f"4\n{x0} {y0}\n{x1} {y0}\n{x1} {y1}\n{x0} {y1}")
