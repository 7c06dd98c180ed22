"""Random changes of the bytes of a file."""
from __future__ import annotations

import random
import re

#: Counts, sizes and kinds at the edges of their types, and magic numbers of files of arrays and records.
NUMBERS = [0, 1, 2, 3, 5, 31, 32, 33, 64, 255, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1,
           0x112, 0xF993FAC8, 0xF993FAC9, 0xF993FACA, 0xCED7230A, 2**29 - 1, 1 << 29, 3 << 29]
#: Texts of headers and of JSON in unusual places.
TEXTS = [b"9" * 25, b"-1", b"1e999", b"NaN", b"'<c8'", b"'O'", b"((((", b"[[[[", b"[" * 3000, b"1,", b"True", b"null",
         b"{", b"{}", b"[]", b'""', b'"', b"\\", b"\\ud800", b"\xff", b"\n", b"\t", b"None", b"4294967296"]
#: Parts of a text that are exchanged as a whole: numbers, and words in quotes.
_WORDS = re.compile(rb'-?\d+|"[^"]*"')


def mutated(draw: random.Random, data: bytes) -> bytes:
    """The bytes with one to four changes: of bits, numbers and words, or of parts cut off, taken out, put elsewhere."""
    made = bytearray(data)
    for _ in range(draw.choice([1, 1, 1, 2, 4])):
        at = draw.randrange(len(made) + 1)
        kind = draw.randrange(9)
        if kind == 0:
            del made[at:]
        elif kind == 1:
            for _ in range(draw.choice([1, 1, 2, 8])):
                if made:
                    made[draw.randrange(len(made))] ^= 1 << draw.randrange(8)
        elif kind == 2:
            made[at:at + 1] = draw.randbytes(1)
        elif kind == 3:
            at, width = at - at % draw.choice([1, 4]), draw.choice([1, 4, 4, 8, 8])
            made[at:at + width] = (draw.choice(NUMBERS) % 256**width).to_bytes(width, "little")
        elif kind == 4:
            made[at:at] = draw.randbytes(draw.choice([1, 4, 8, 100]))
        elif kind == 5:
            del made[at:at + draw.choice([1, 2, 4, 8, 20])]
        elif kind == 6:
            start = draw.randrange(len(made) + 1)
            made[at:at] = made[start:start + draw.choice([1, 8, 24, 40, 200])]
        elif kind == 7:
            text = draw.choice(TEXTS)
            made[at:at + draw.choice([0, len(text)])] = text
        else:
            _exchange(draw, made, at)
    return bytes(made)


def _exchange(draw: random.Random, made: bytearray, at: int) -> None:
    """Put another number or word of the file, or an unusual text, in the place of one near `at`."""
    found = _WORDS.search(made, at)
    if found is None:
        return
    start = draw.randrange(len(made))
    other = _WORDS.search(made, start)
    made[found.start():found.end()] = draw.choice(TEXTS) if other is None or draw.randrange(3) == 0 else other.group()
