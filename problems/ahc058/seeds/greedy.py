# Each turn the affordable machine that adds the most to the apples at the end per apple spent, if
# nothing else is bought any more and it pays back.

import math


def main():
    kinds, levels, turns, apples = map(int, input().split())
    makes = list(map(int, input().split()))
    costs = [list(map(int, input().split())) for _ in range(levels)]
    numbers = [[1] * kinds for _ in range(levels)]
    powers = [[0] * kinds for _ in range(levels)]
    for turn in range(turns):
        most, best = 1, None  # apples per apple spent: less does not pay back
        for level in range(levels - 1):  # the highest never pays by this rule
            times = math.comb(turns - turn, level + 1)  # that a gain reaches the apples
            for kind in range(kinds):
                price = costs[level][kind] * (powers[level][kind] + 1)
                if price <= apples:
                    below = math.prod(row[kind] for row in powers[:level])
                    gain = makes[kind] * numbers[level][kind] * below * times
                    if gain > most * price:
                        most, best = gain / price, (level, kind)
        if best is None:
            print(-1)
        else:
            level, kind = best
            powers[level][kind] += 1
            apples -= costs[level][kind] * powers[level][kind]
            print(level, kind)
        apples += sum(
            a * number * power
            for a, number, power in zip(makes, numbers[0], powers[0], strict=True)
        )
        for level in range(1, levels):
            for kind in range(kinds):
                numbers[level - 1][kind] += numbers[level][kind] * powers[level][kind]
