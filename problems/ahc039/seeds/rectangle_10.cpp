// The best rectangle of whole cells of a 10 x 10 grid: every rectangle is tried.
#include <bits/stdc++.h>
using namespace std;

const int GRID = 10, WIDTH = 100000 / GRID;

int main() {
    int n;
    cin >> n;
    vector<vector<int>> sum(GRID + 1, vector<int>(GRID + 1));  // of the cells below and to the left
    for (int i = 0; i < 2 * n; i++) {
        int x, y;
        cin >> x >> y;
        if (x < GRID * WIDTH && y < GRID * WIDTH)
            sum[x / WIDTH + 1][y / WIDTH + 1] += i < n ? 1 : -1;
    }
    for (int x = 1; x <= GRID; x++)
        for (int y = 1; y <= GRID; y++)
            sum[x][y] += sum[x - 1][y] + sum[x][y - 1] - sum[x - 1][y - 1];
    int best = INT_MIN, left = 0, right = 1, low = 0, high = 1;
    for (int a = 0; a < GRID; a++)
        for (int b = a + 1; b <= GRID; b++)
            for (int c = 0; c < GRID; c++)
                for (int d = c + 1; d <= GRID; d++) {
                    int value = sum[b][d] - sum[a][d] - sum[b][c] + sum[a][c];
                    if (value > best) {
                        best = value;
                        left = a, right = b, low = c, high = d;
                    }
                }
    // the far sides lie just before the next cells
    int x0 = left * WIDTH, x1 = right * WIDTH - 1, y0 = low * WIDTH, y1 = high * WIDTH - 1;
    printf("4\n%d %d\n%d %d\n%d %d\n%d %d\n", x0, y0, x1, y0, x1, y1, x0, y1);
}
