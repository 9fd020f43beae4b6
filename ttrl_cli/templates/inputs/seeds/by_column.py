import sys

numbers = [int(word) for word in sys.stdin.read().split()]
points = list(zip(numbers[::2], numbers[1::2], strict=True))
print(*sorted(range(len(points)), key=lambda number: points[number]))
