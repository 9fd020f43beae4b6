"""The random streams of Rust's rand 0.8, which contests' generators draw their cases from.

`ChaCha20Rng::seed_from_u64` (rand_chacha 0.3), and of rand 0.8 and rand_distr 0.4 what generators
call: integers and floats of a range, a weighted index, a normal. Each draw takes the words and does
the arithmetic that it does there, so that a seed gives the same cases here; written from the
algorithms' descriptions (ChaCha: Bernstein 2008; PCG: O'Neill 2014; ziggurat: Marsaglia and Tsang
2000). `quick_normals` is for loops that draw many.
"""

import bisect
import itertools
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint32]
LongWords = npt.NDArray[np.uint64]

_SIGMA = (0x61707865, 0x3320646E, 0x79622D32, 0x6B206574)  # "expand 32-byte k"
_DOUBLE_ROUNDS = 10
_QUARTERS = (
    (0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
    (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14),
)  # fmt: skip
"""Words of a block that are mixed: columns, then diagonals."""
_PCG_MULTIPLIER, _PCG_INCREMENT = 6364136223846793005, 11634580027462260723
_LOW_32, _LOW_64 = 2**32 - 1, 2**64 - 1
_BLOCKS = 64  # of 16 words, made at once

_LAYERS = 256
_TAIL = 3.654152885361008796  # where the ziggurat's lowest layer ends, and its tail begins
_AREA = 0.00492867323399  # of each layer


def _ziggurat() -> list[float]:
    """Return the right ends of a normal's layers, the lowest and widest first, and 0."""
    edges = [_AREA / _density(_TAIL), _TAIL]
    for _ in range(_LAYERS - 2):
        edges.append(math.sqrt(-2 * math.log(_AREA / edges[-1] + _density(edges[-1]))))
    return [*edges, 0.0]


def _density(x: float) -> float:
    return math.exp(-x * x / 2)


_EDGES = _ziggurat()
_HEIGHTS = [_density(edge) for edge in _EDGES]
_OUTER, _INNER = np.array(_EDGES[:-1]), np.array(_EDGES[1:])


class RustRandom:
    """The stream of a seed.

    Args:
        seed: 64 bits.
    """

    def __init__(self, seed: int) -> None:
        self._key = _key(seed)
        self._blocks = 0
        self._words: Words = np.empty(0, np.uint32)
        self._at = 0

    def u32(self) -> int:
        """Draw 32 bits."""
        self._reach(1)
        self._at += 1
        return int(self._words[self._at - 1])

    def u64(self) -> int:
        """Draw 64 bits: two words, the low one first."""
        low = self.u32()
        return low | self.u32() << 32

    def integer(self, low: int, high: int) -> int:
        """Draw an integer of a range of less than 2**32, both ends included."""
        count = high - low + 1
        zone = ((count << (32 - count.bit_length())) - 1) & _LOW_32
        while True:
            wide = self.u32() * count
            if wide & _LOW_32 <= zone:
                return low + (wide >> 32)

    def unit(self) -> float:
        """Draw a number in [0, 1), of 53 bits."""
        return (self.u64() >> 11) * 2.0**-53

    def real(self, low: float, high: float) -> float:
        """Draw a number of a range, both ends included."""
        scale = (high - low) / (1 - 2.0**-52)
        return (self.u64() >> 12) * 2.0**-52 * scale + low

    def normal(self) -> float:
        """Draw a standard normal."""
        while True:
            bits = self.u64()
            layer, signed = bits & 0xFF, (bits >> 12) * 2.0**-51 - 1
            x = signed * _EDGES[layer]
            if abs(x) < _EDGES[layer + 1]:
                return x
            if layer == 0:
                return math.copysign(self._tail(), signed)
            below, above = _HEIGHTS[layer], _HEIGHTS[layer + 1]
            if above + (below - above) * self.unit() < _density(x):
                return x

    def ahead(self, count: int) -> LongWords:
        """Return the next draws of 64 bits without taking them; `skip` does that."""
        self._reach(2 * count)
        pairs = self._words[self._at : self._at + 2 * count].astype(np.uint64)
        joined: LongWords = pairs[::2] | pairs[1::2] << np.uint64(32)
        return joined

    def skip(self, count: int) -> None:
        """Take draws of 64 bits that `ahead` has shown."""
        self._at += 2 * count

    def taken(self) -> int:
        """Return how many words of 32 bits have been taken."""
        return 16 * self._blocks - len(self._words) + self._at

    def _tail(self) -> float:
        """Draw how far out a normal is, given that it is in the tail."""
        while True:
            beyond = math.log(self._open()) / _TAIL  # negative
            height = math.log(self._open())
            if -2 * height >= beyond * beyond:
                return _TAIL - beyond

    def _open(self) -> float:
        """Draw a number in (0, 1)."""
        return ((self.u64() >> 12) + 0.5) * 2.0**-52

    def _reach(self, count: int) -> None:
        """Make so many further words known."""
        missing = self._at + count - len(self._words)
        if missing > 0:
            blocks = max(_BLOCKS, -(-missing // 16))
            made = _chacha(self._key, self._blocks, blocks)
            self._words = np.concatenate([self._words[self._at :], made])
            self._blocks += blocks
            self._at = 0


class WeightedIndex:
    """Draws indices as often as their weights say.

    Args:
        weights: At least one, none negative.
    """

    def __init__(self, weights: Sequence[float]) -> None:
        *self._sums, self._total = itertools.accumulate(weights)

    def drawn_from(self, words: LongWords) -> npt.NDArray[np.int64]:
        """Return the index that each draw of 64 bits gives."""
        where = (words >> np.uint64(12)).astype(np.float64) * 2.0**-52 * self._total
        found: npt.NDArray[np.int64] = np.searchsorted(self._sums, where, "right")
        return found

    def draw(self, rng: RustRandom) -> int:
        """Draw one index."""
        where = (rng.u64() >> 12) * 2.0**-52 * self._total
        return bisect.bisect_right(self._sums, where)


def quick_normals(words: LongWords) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return the normal that each draw of 64 bits gives, and whether it takes that draw alone.

    Where it takes more (1 in 80), the value says nothing: `RustRandom.normal` draws it.
    """
    layers = (words & np.uint64(0xFF)).astype(np.intp)
    values = ((words >> np.uint64(12)).astype(np.float64) * 2.0**-51 - 1) * _OUTER[layers]
    return values, np.abs(values) < _INNER[layers]


def rounded(value: float) -> int:
    """Round as Rust does: halves away from zero."""
    whole = math.floor(abs(value))
    away = whole + (abs(value) - whole >= 0.5)
    return int(math.copysign(away, value))


def _key(seed: int) -> list[int]:
    """Return the 256-bit key of a seed, as 8 words: outputs of PCG (XSH-RR)."""
    state, words = seed, []
    for _ in range(8):
        state = (state * _PCG_MULTIPLIER + _PCG_INCREMENT) & _LOW_64
        mixed = ((state >> 18 ^ state) >> 27) & _LOW_32
        turn = state >> 59
        words.append((mixed >> turn | mixed << (32 - turn)) & _LOW_32)
    return words


def _chacha(key: Sequence[int], first: int, count: int) -> Words:
    """Return the words of so many blocks of ChaCha20, from block `first` on, with nonce 0."""
    numbers = np.arange(first, first + count, dtype=np.uint64)
    begin = np.zeros((16, count), np.uint32)
    begin[:4] = np.array(_SIGMA, np.uint32)[:, None]
    begin[4:12] = np.array(key, np.uint32)[:, None]
    begin[12] = numbers & np.uint64(_LOW_32)
    begin[13] = numbers >> np.uint64(32)
    block = begin.copy()
    for _ in range(_DOUBLE_ROUNDS):
        for a, b, c, d in _QUARTERS:
            for to, by, turned, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
                block[to] += block[by]
                mixed = block[turned] ^ block[to]
                block[turned] = mixed << np.uint32(bits) | mixed >> np.uint32(32 - bits)
    words: Words = (block + begin).T.reshape(-1)
    return words
