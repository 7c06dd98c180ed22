"""`mx.recordio`: files of records, byte strings one after the other, and of records with a header and a picture.

A record in a file: 0xced7230a, a number whose upper 3 bits say which part of a record follows and whose lower 29 bits
are its length, the bytes, and zeros up to a multiple of 4. Where the bytes hold 0xced7230a at a multiple of 4, that is
left out, and the record is cut there: 1 begins it, 2 continues it, 3 ends it; 0 is a whole record.
"""
from __future__ import annotations

import numbers
import os
import struct
import threading
from collections import namedtuple
from collections.abc import Iterator, Sequence
from typing import IO, Any

import numpy as np

from tracer.jit.process.forks import guarded

from .base import MXNetError
from .picture_files import decode_unchanged, encode
from .whole_files import opened

__all__ = ["IRHeader", "MXIndexedRecordIO", "MXRecordIO", "pack", "pack_img", "unpack", "unpack_img"]

_MAGIC = 0xCED7230A
_MARK = struct.pack("<I", _MAGIC)
_HEAD = struct.Struct("<II")
_LONGEST = (1 << 29) - 1
_WHOLE, _FIRST, _MIDDLE, _LAST = range(4)


class MXRecordIO:
    """A file of records, written or read one after the other.

    uri: the path.
    flag: "w" to write, "r" to read; ValueError for another.

    An object that is pickled is opened again where it is read. A process that was forked cannot read or write by the
    same object (RuntimeError); `reset` opens the file again.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/mxnet/recordio/index.html

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "data.rec")
    >>> record = MXRecordIO(path, "w")
    >>> record.write(b"first")
    >>> record.close()
    >>> record = MXRecordIO(path, "r")
    >>> record.read(), record.read()
    (b'first', None)
    """

    is_open = False

    def __init__(self, uri: str, flag: str) -> None:
        self.uri = uri
        self.flag = flag
        self.pid: int | None = None
        self.open()

    def open(self) -> None:
        """Open the file, from its beginning. For a file that cannot be opened an MXNetError that is an OSError too."""
        if self.flag not in ("w", "r"):
            raise ValueError(f"Invalid flag {self.flag}")
        self.writable = self.flag == "w"
        self._lock = guarded(threading.Lock())
        self._file: IO[bytes] = opened(self.uri, self.flag + "b")
        self._size = os.fstat(self._file.fileno()).st_size
        self.pid = os.getpid()
        self.is_open = True

    def __del__(self) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__, is_open=self.is_open)
        if self.writable:
            self.close()
        for name in ("_file", "_lock"):
            state.pop(name, None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.is_open = False
        if state["is_open"]:
            self.open()

    def _check_pid(self, allow_reset: bool = False) -> None:
        """Open the file again in another process, or refuse to use it there."""
        if not self.is_open:
            raise MXNetError(f"the record file {self.uri} is closed")
        if self.pid != os.getpid():
            if not allow_reset:
                raise RuntimeError("Forbidden operation in multiple processes")
            self.reset()

    def close(self) -> None:
        """Close the file."""
        if self.is_open:
            self.is_open = False
            self.pid = None
            self._file.close()

    def reset(self) -> None:
        """Begin again with the first record; a file that is written is emptied."""
        self.close()
        self.open()

    def write(self, buf: bytes) -> None:
        """Append a record. AssertionError if the file is read, TypeError for other objects than bytes."""
        assert self.writable
        self._check_pid()
        if not isinstance(buf, bytes):
            raise TypeError(f"a record is bytes, not {type(buf).__name__}")
        if len(buf) > _LONGEST:
            raise MXNetError(f"RecordIO only accept record less than 2^29 bytes, not {len(buf)}")
        with self._lock:
            self._file.writelines(_encoded(buf))

    def read(self) -> bytes | None:
        """The next record, or None after the last one. AssertionError if the file is written.

        MXNetError, with the place in the file, for one of another format or that ends within a record.
        """
        assert not self.writable
        self._check_pid()
        with self._lock:
            return self._next()

    def read_at(self, place: int) -> bytes:
        """The record that begins at a place in the file; errors as in `read`. Threads may call it together."""
        assert not self.writable
        self._check_pid(allow_reset=True)
        with self._lock:
            self._file.seek(place)
            record = self._next()
        if record is None:
            raise self._invalid(place, "the file ends there")
        return record

    def places(self) -> Iterator[int]:
        """The places of all records, from the beginning; errors as in `read`."""
        self.reset()
        at, inside = 0, False
        while at < self._size:
            self._file.seek(at)
            head = self._file.read(_HEAD.size)
            if len(head) < _HEAD.size or _HEAD.unpack(head)[0] != _MAGIC:
                raise self._invalid(at, "no record begins there")
            number = _HEAD.unpack(head)[1]
            if not inside:
                yield at
            inside = number >> 29 in (_FIRST, _MIDDLE)
            at += _HEAD.size + -(-(number & _LONGEST) // 4) * 4

    def _next(self) -> bytes | None:
        parts: list[bytes] = []
        while True:
            at = self._file.tell()
            head = self._file.read(_HEAD.size)
            if not head and not parts:
                return None
            if len(head) < _HEAD.size:
                raise self._invalid(at, "the file ends within a record")
            magic, number = _HEAD.unpack(head)
            if magic != _MAGIC:
                raise self._invalid(at, f"a record begins with 0xced7230a, not {magic:#x}")
            part, length = number >> 29, number & _LONGEST
            if part > _LAST or (part in (_WHOLE, _FIRST)) == bool(parts):
                raise self._invalid(at, f"part {part} of a record after {len(parts)} parts of it")
            padded = -(-length // 4) * 4
            if at + _HEAD.size + padded > self._size:
                self._size = os.fstat(self._file.fileno()).st_size  # it may have grown
                if at + _HEAD.size + padded > self._size:
                    raise self._invalid(at, f"a record of {length} bytes in a file of {self._size}")
            parts.append(self._file.read(padded)[:length])
            if part in (_WHOLE, _LAST):
                return parts[0] if len(parts) == 1 else _MARK.join(parts)

    def _invalid(self, at: int, why: str) -> MXNetError:
        return MXNetError(f"Invalid RecordIO File {self.uri}, at byte {at}: {why}")


def _encoded(record: bytes) -> list[bytes]:
    """The parts of a record as they are written."""
    made: list[bytes] = []
    start, at = 0, record.find(_MARK)
    while at >= 0:
        if at % 4:
            at = record.find(_MARK, at + 1)
            continue
        made += [_HEAD.pack(_MAGIC, (_MIDDLE if made else _FIRST) << 29 | (at - start)), record[start:at]]
        start = at + 4
        at = record.find(_MARK, start)
    made += [_HEAD.pack(_MAGIC, (_LAST if made else _WHOLE) << 29 | (len(record) - start)),
             record[start:] if start else record, bytes(-len(record) % 4)]
    return made


class MXIndexedRecordIO(MXRecordIO):
    """A file of records with a second file that tells the places of the records by keys.

    idx_path: the path of the second file: lines of a key, a tab and a place.
    uri, flag: as in `MXRecordIO`.
    key_type: a function of the key in a line.

    >>> import os, tempfile
    >>> paths = [os.path.join(tempfile.mkdtemp(), name) for name in ("data.idx", "data.rec")]
    >>> record = MXIndexedRecordIO(*paths, "w")
    >>> for i in range(3):
    ...     record.write_idx(i, b"record %d" % i)
    >>> record.close()
    >>> MXIndexedRecordIO(*paths, "r").read_idx(1)
    b'record 1'
    """

    def __init__(self, idx_path: str, uri: str, flag: str, key_type: Any = int) -> None:
        self.idx_path = idx_path
        self.idx: dict[Any, int] = {}
        self.keys: list[Any] = []
        self.key_type = key_type
        self.fidx: Any = None
        super().__init__(uri, flag)

    def open(self) -> None:
        """Open both files, and read the places. MXNetError for a line that has none."""
        super().open()
        self.idx, self.keys = {}, []
        try:
            self.fidx = opened(self.idx_path, self.flag)
        except OSError:
            super().close()
            raise
        if self.writable:
            return
        for number, line in enumerate(self.fidx, 1):
            try:
                key, place = line.strip().split("\t")[:2]
                self.idx[self.key_type(key)] = int(place)
            except ValueError as error:
                raise MXNetError(f"the index {self.idx_path}, line {number}: a key, a tab and a place are expected, "
                                 f"not {line[:80]!r}: {error}") from None
            self.keys.append(self.key_type(key))

    def close(self) -> None:
        """Close both files."""
        if self.is_open:
            super().close()
            if self.fidx is not None:
                self.fidx.close()

    def __getstate__(self) -> dict[str, Any]:
        return dict(super().__getstate__(), fidx=None)

    def seek(self, idx: Any) -> None:
        """Make the record of a key the next one. KeyError for an unknown key, AssertionError if the file is written."""
        assert not self.writable
        self._check_pid(allow_reset=True)
        with self._lock:
            self._go_to(idx)

    def _go_to(self, idx: Any) -> None:
        place = self.idx[idx]
        if not 0 <= place <= self._size:
            raise MXNetError(f"the index {self.idx_path} has the key {idx!r} at byte {place} of a file of {self._size}")
        self._file.seek(place)

    def tell(self) -> int:
        """The place where the next record is written. AssertionError if the file is read."""
        assert self.writable
        return self._file.tell()

    def read_idx(self, idx: Any) -> bytes | None:
        """The record of a key. KeyError for an unknown one; otherwise as in `read`. Threads may call it together."""
        assert not self.writable
        self._check_pid(allow_reset=True)
        with self._lock:
            self._go_to(idx)
            return self._next()

    def write_idx(self, idx: Any, buf: bytes) -> None:
        """Append a record under a key."""
        key = self.key_type(idx)
        place = self.tell()
        self.write(buf)
        self.fidx.write(f"{key}\t{place}\n")
        self.idx[key] = place
        self.keys.append(key)


# ---- records with a header -----------------------------------------------------------------------

#: The header of a record: `flag`, 0 or the number of labels; `label`, a number or an array; `id` and `id2`, integers.
IRHeader = namedtuple("HEADER", ["flag", "label", "id", "id2"])  # type: ignore[name-match]
_IR_FORMAT = "<IfQQ"
_IR_SIZE = struct.calcsize(_IR_FORMAT)


def pack(header: Sequence[Any], s: bytes) -> bytes:
    """A record of a header and bytes.

    header: an `IRHeader`, or its four elements; a label that is no number is an array of float32.

    >>> len(pack(IRHeader(0, [1.0, 2.0], 7, 0), b"image"))
    37
    """
    head = IRHeader(*header)
    if isinstance(head.label, numbers.Number):
        head = head._replace(flag=0)
    else:
        label = np.asarray(head.label, np.float32)
        head = head._replace(flag=label.size, label=0)
        s = label.tobytes() + s
    return struct.pack(_IR_FORMAT, *head) + s


def unpack(s: bytes) -> tuple[Any, bytes]:
    """The header and the bytes of a record. MXNetError for one that is too short.

    >>> unpack(pack(IRHeader(0, 3.0, 7, 0), b"image"))
    (HEADER(flag=0, label=3.0, id=7, id2=0), b'image')
    """
    if len(s) < _IR_SIZE:
        raise MXNetError(f"a record with a header has at least {_IR_SIZE} bytes, not {len(s)}")
    header = IRHeader(*struct.unpack_from(_IR_FORMAT, s))
    end = _IR_SIZE + 4 * header.flag
    if len(s) < end:
        raise MXNetError(f"a record with {header.flag} labels has at least {end} bytes, not {len(s)}")
    if header.flag > 0:
        header = header._replace(label=np.frombuffer(s, np.float32, header.flag, _IR_SIZE))
    return header, s[end:]


def unpack_img(s: bytes, iscolor: int = -1) -> tuple[Any, np.ndarray]:
    """The header and the picture of a record, as OpenCV gives it: blue, green, red, or (height, width) for gray ones.

    iscolor: 0: gray. 1: three channels. -1: the picture's own channels.

    MXNetError for a record without a picture; ImportError if neither Pillow nor OpenCV is installed.
    """
    header, data = unpack(s)
    return header, decode_unchanged(data, iscolor, "unpack_img")


def pack_img(header: Sequence[Any], img: Any, quality: int = 95, img_fmt: str = ".jpg") -> bytes:
    """A record of a header and a picture.

    header: as in `pack`.
    img: uint8, (height, width), or (height, width, 3) in the order blue, green, red.
    quality: for JPEG 1 to 100; for PNG the level of compression, at most 9.
    img_fmt: ".jpg", ".png" or another file name's end.
    """
    return pack(header, encode(img, img_fmt, quality))
