"""A name as bags of character n-grams, hashed: what the classifier sees of it. Training and running share this module.

    c:胸部CT平扫+头颅MR   ->   c:胸部CT平扫+ | 头颅MR   ->   [[3120, 77, …], [905, 41, …]]

A name is cut into segments behind its separators, since the n-grams of several exams must not get mixed; each n-gram
belongs to the segment that it begins in. N-grams are hashed alone, the shortest also together with the hint letter that
the question begins with. A batch of names is worked out at once, on arrays of code points; the hash is of 64-bit
integers, so that every machine finds the same buckets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

VERSION = 1  # of everything here; a classifier is only read with the features that it was fitted to
LONGEST_NGRAM = 3
HINTED = (1, 2)  # lengths that are also hashed together with the hint letter
SEPARATORS = "+、,;&|/ 和及与加并"
MOST_SEGMENTS = 8  # what lies behind belongs to the last
EACH = LONGEST_NGRAM + len(HINTED)  # n-grams that begin at a character, at most
END = "\x03"  # behind a name; a canonical name holds no control character

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST, SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
HINT = np.uint64(0x5851F42D4C957F2D)
_CUTS = np.array([ord(char) for char in SEPARATORS], dtype=np.uint32)


class Bags(NamedTuple):
    """Features of a batch of names.

    `buckets`: int64, of all n-grams, by segment; `segments`: where each segment begins in `buckets`, and their end;
    `names`: where each name begins in `segments`, and their end. Every name has a segment, every segment an n-gram.
    """

    buckets: np.ndarray
    segments: np.ndarray
    names: np.ndarray

    @property
    def owners(self) -> np.ndarray:
        """The name of each segment, int64."""
        return np.repeat(np.arange(len(self.names) - 1), np.diff(self.names))


def bags(questions: Sequence[str], bits: int) -> Bags:
    """The features of questions (`Asker.question`) in 2 ** bits buckets. Any text will do, an empty one too."""
    lengths = np.fromiter((len(text) + 1 for text in questions), dtype=np.int64, count=len(questions))
    points = np.frombuffer(
        "".join(text + END for text in questions).encode("utf-32-le", "surrogatepass"), dtype=np.uint32
    )
    ends = np.cumsum(lengths)
    begins = ends - lengths
    owners = np.repeat(np.arange(len(questions)), lengths)
    place = np.arange(len(points))
    left = ends[owners] - place  # characters from here to the name's end
    first = _segment_begins(points, begins, owners, left)

    wide = points.astype(np.uint64)
    hints = wide[begins][owners] * HINT
    hashes, whole = [], []
    rolled = np.zeros(len(points), dtype=np.uint64)
    for size in range(1, LONGEST_NGRAM + 1):
        ahead = np.zeros_like(wide)
        ahead[: len(wide) - size + 1] = wide[size - 1 :]
        rolled = (rolled + ahead + np.uint64(1)) * GOLDEN
        rolled ^= rolled >> np.uint64(29)
        plain = rolled + np.uint64(size)
        for key in (plain, plain + hints) if size in HINTED else (plain,):
            hashes.append(_mixed(key) >> np.uint64(64 - bits))
            whole.append(left >= size)
    fits = np.stack(whole, axis=1)
    found = np.stack(hashes, axis=1)[fits].astype(np.int64)
    behind = np.concatenate([[0], np.cumsum(fits.sum(axis=1))])  # n-grams before each character
    segments = np.concatenate([behind[np.flatnonzero(first)], behind[-1:]])
    names = np.concatenate([[0], np.cumsum(first)])[np.concatenate([begins, [len(points)]])]
    return Bags(found, segments, names)


def _segment_begins(points: np.ndarray, begins: np.ndarray, owners: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Whether a segment begins at each character: at the first of a name, and behind separators."""
    cut = np.isin(points, _CUTS, kind="sort")
    behind = np.zeros_like(cut)
    behind[1:] = cut[:-1]
    first = behind & ~cut & (left > 1)
    first[begins] = True
    count = np.cumsum(first)
    first &= count - count[begins][owners] < MOST_SEGMENTS
    return first


def _mixed(key: np.ndarray) -> np.ndarray:
    """The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): every bit of the key moves every bit."""
    key = (key ^ (key >> np.uint64(30))) * FIRST
    key = (key ^ (key >> np.uint64(27))) * SECOND
    mixed: np.ndarray = key ^ (key >> np.uint64(31))
    return mixed
