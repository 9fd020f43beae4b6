// Machines of level 0 alone: each turn the affordable one that will have made the most apples per
// apple spent, if it pays back.
#include <bits/stdc++.h>
using namespace std;

int main() {
    int kinds, levels, turns;
    long long apples;
    cin >> kinds >> levels >> turns >> apples;
    vector<long long> makes(kinds), cost(kinds), power(kinds);
    for (auto& value : makes) cin >> value;
    for (auto& value : cost) cin >> value;
    for (int turn = 0; turn < turns; turn++) {
        double most = 1;  // apples per apple spent: less does not pay back
        int best = -1;
        for (int j = 0; j < kinds; j++) {
            long long price = cost[j] * (power[j] + 1);
            double gain = makes[j] * (turns - turn);
            if (price <= apples && gain > most * price) best = j, most = gain / price;
        }
        if (best < 0) {
            puts("-1");
        } else {
            printf("0 %d\n", best);
            apples -= cost[best] * ++power[best];
        }
        for (int j = 0; j < kinds; j++) apples += makes[j] * power[j];
    }
}
