import sys

print(*range(len(sys.stdin.read().split()) // 2))
