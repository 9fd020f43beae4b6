// Each turn the affordable machine that adds the most to the apples at the end per apple spent, if
// nothing else is bought any more and it pays back.
#include <bits/stdc++.h>
using namespace std;

const int USED = 3;  // levels: the highest never pays by this rule
long long makes[10], cost[4][10], number[4][10], power[4][10];

int main() {
    int kinds, levels, turns;
    long long apples;
    cin >> kinds >> levels >> turns >> apples;
    for (int j = 0; j < kinds; j++) cin >> makes[j];
    for (int i = 0; i < levels; i++)
        for (int j = 0; j < kinds; j++) cin >> cost[i][j], number[i][j] = 1;
    for (int turn = 0; turn < turns; turn++) {
        int level = -1, kind = -1;
        double most = 1;      // apples per apple spent: less does not pay back
        long long times = 1;  // how often a gain of this level reaches the apples
        for (int i = 0; i < USED; i++) {
            times = times * (turns - turn - i) / (i + 1);
            for (int j = 0; j < kinds; j++) {
                long long price = cost[i][j] * (power[i][j] + 1);
                if (price > apples) continue;
                __int128 gain = (__int128)makes[j] * number[i][j] * times;
                for (int k = 0; k < i; k++) gain *= power[k][j];
                if (gain > most * price) level = i, kind = j, most = (double)gain / price;
            }
        }
        if (level < 0) {
            puts("-1");
        } else {
            printf("%d %d\n", level, kind);
            apples -= cost[level][kind] * ++power[level][kind];
        }
        for (int j = 0; j < kinds; j++) {
            apples += makes[j] * number[0][j] * power[0][j];
            for (int i = 1; i < levels; i++) number[i - 1][j] += number[i][j] * power[i][j];
        }
    }
}
