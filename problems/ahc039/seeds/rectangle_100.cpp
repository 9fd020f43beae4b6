// The best rectangle of whole cells of a 100 x 100 grid: for each pair of columns, the best run of
// rows between them.
#include <bits/stdc++.h>
using namespace std;

const int GRID = 100, WIDTH = 100000 / GRID;
int cell[GRID][GRID];

int main() {
    int n;
    cin >> n;
    for (int i = 0; i < 2 * n; i++) {
        int x, y;
        cin >> x >> y;
        if (x < GRID * WIDTH && y < GRID * WIDTH) cell[x / WIDTH][y / WIDTH] += i < n ? 1 : -1;
    }
    int best = INT_MIN, left = 0, right = 0, low = 0, high = 0;
    for (int a = 0; a < GRID; a++) {
        int row[GRID] = {};  // sums of columns a..b
        for (int b = a; b < GRID; b++) {
            int run = 0, begin = 0;
            for (int y = 0; y < GRID; y++) {
                row[y] += cell[b][y];
                if (run <= 0) run = 0, begin = y;
                run += row[y];
                if (run > best) {
                    best = run;
                    left = a, right = b, low = begin, high = y;
                }
            }
        }
    }
    // the far sides lie just before the next cells
    int x0 = left * WIDTH, x1 = (right + 1) * WIDTH - 1;
    int y0 = low * WIDTH, y1 = (high + 1) * WIDTH - 1;
    printf("4\n%d %d\n%d %d\n%d %d\n%d %d\n", x0, y0, x1, y0, x1, y1, x0, y1);
}
