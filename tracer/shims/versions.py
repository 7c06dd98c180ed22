"""Version numbers that compare: `distutils.version`'s and `pkg_resources.parse_version`'s classes."""
from __future__ import annotations

import re
from functools import total_ordering
from typing import Any


@total_ordering
class Version:
    """A version number; a subclass gives its parts in an order that compares.

    vstring: the text of the version.
    """

    vstring: str
    version: Any

    def __init__(self, vstring: str | None = None) -> None:
        if vstring:
            self.parse(vstring)

    def parse(self, vstring: str) -> None:
        """Store the text and its parts."""
        raise NotImplementedError("a subclass defines parse()")

    def key(self) -> Any:
        """The parts, which compare as the versions do."""
        return self.version

    def _key_of(self, other: Any) -> Any:
        other = type(self)(other) if isinstance(other, str) else other
        return other.key() if isinstance(other, Version) else NotImplemented

    def __eq__(self, other: object) -> Any:
        key = self._key_of(other)
        return key if key is NotImplemented else self.key() == key

    def __lt__(self, other: Any) -> Any:
        key = self._key_of(other)
        return key if key is NotImplemented else self.key() < key

    def __str__(self) -> str:
        return self.vstring

    def __repr__(self) -> str:
        return f"{type(self).__name__} ('{self}')"


class LooseVersion(Version):
    """A version in any form: numbers compare as numbers, words as words.

    >>> LooseVersion("1.10") > LooseVersion("1.9.1"), LooseVersion("1.5.2b2").version
    (True, [1, 5, 2, 'b', 2])
    """

    def parse(self, vstring: str) -> None:
        """Store the text, and the numbers and words in it, without the points."""
        self.vstring = vstring
        words = [word for word in re.split(r"(\d+|[a-z]+|\.)", vstring) if word and word != "."]
        self.version = [int(word) if word.isdecimal() else word for word in words]


class StrictVersion(Version):
    """A version of two or three numbers and an optional letter a or b with a number. ValueError for another form.

    >>> StrictVersion("1.0a2") < StrictVersion("1.0") == "1.0.0"
    True
    """

    prerelease: tuple[str, int] | None

    def parse(self, vstring: str) -> None:
        """Store the three numbers, and the pre-release."""
        match = re.fullmatch(r"(\d+)\.(\d+)(?:\.(\d+))?(?:([ab])(\d+))?", vstring)
        if match is None:
            raise ValueError(f"invalid version number '{vstring}'")
        major, minor, patch, letter, number = match.groups()
        self.version = int(major), int(minor), int(patch or 0)
        self.prerelease = (letter, int(number)) if letter else None

    def key(self) -> Any:
        """The numbers, and the pre-release: none is after all others."""
        return self.version, self.prerelease or ("final", 0)

    def __str__(self) -> str:
        numbers = self.version if self.version[2] else self.version[:2]
        return ".".join(map(str, numbers)) + "".join(map(str, self.prerelease or ()))


class Release(Version):
    """A version of PEP 440, for `parse_version`: 1.0.dev1 < 1.0a1 < 1.0rc1 < 1.0 < 1.0.post1. ValueError for others.

    >>> Release("2.0.0b1") < Release("2.0"), Release("1.9.1") < Release("1.10")
    (True, True)
    """

    _FORM = re.compile(r"v?(?:(\d+)!)?(\d+(?:\.\d+)*)(?:[-_.]?(a|b|c|rc|alpha|beta|pre|preview)[-_.]?(\d*))?"
                       r"(?:-(\d+)|[-_.]?(?:post|rev|r)[-_.]?(\d*))?(?:[-_.]?(dev)[-_.]?(\d*))?"
                       r"(?:\+[a-z0-9]+(?:[-_.][a-z0-9]+)*)?")

    def parse(self, vstring: str) -> None:
        """Store the text, and the epoch, the numbers without zeros at the end, and the parts before and after."""
        match = self._FORM.fullmatch(vstring.strip().lower())
        if match is None:
            raise ValueError(f"Invalid version: '{vstring}'")
        epoch, numbers, kind, number, post, other_post, dev, dev_number = match.groups()
        release = [int(n) for n in numbers.split(".")]
        while len(release) > 1 and not release[-1]:
            release.pop()
        after = -1 if post is None and other_post is None else int(post or other_post or 0)
        rank = {"a": 0, "alpha": 0, "b": 1, "beta": 1, "c": 2, "rc": 2, "pre": 2, "preview": 2}
        before = (rank[kind], int(number or 0)) if kind else (-1, 0) if dev and after < 0 else (3, 0)
        development = (0, int(dev_number or 0)) if dev else (1, 0)
        self.vstring, self.version = vstring, (int(epoch or 0), tuple(release), before, after, development)

    def __hash__(self) -> int:
        return hash(self.version)
