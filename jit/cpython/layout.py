"""The layout of CPython's objects in memory, for code that reads them in place; taken from this interpreter.

It is limited to parts that have not moved in the public headers for years: the object header, items of tuples and
lists, and slots (`__slots__`), whose offsets their own descriptors hold. `sound` checks all of it on live objects.
"""
from __future__ import annotations

import ctypes
import sys
import sysconfig
from functools import lru_cache
from types import MemberDescriptorType

#: Offsets in bytes from the start of an object.
TYPE = 8
SIZE = 16
LIST_ITEMS = 24
LIST_ROOM = 32
TUPLE_ITEMS: int = tuple.__basicsize__

#: The operators: the number of each for PyType_GetSlot, and its index in PyNumberMethods.
_NUMBER_SLOTS = {"add": (7, 0), "sub": (36, 1), "mul": (29, 2), "truediv": (37, 30), "matmul": (75, 34),
                 "iadd": (14, 19), "isub": (23, 20), "imul": (18, 21), "itruediv": (24, 32)}
_AS_NUMBER = 96  # bytes from the start of a class to the address of its PyNumberMethods
_HEAP_TYPE = 1 << 9

# A member descriptor is a PyDescrObject (header, type, name, qualified name) and a PyMemberDef (name, type, offset).
_DESCRIBED = 40
_OFFSET = 16


def slots_of(cls: type) -> dict[str, int]:
    """The offsets of the slots of `cls`, by name, its bases' included."""
    found = {}
    for name in dir(cls):
        member = next((c.__dict__[name] for c in cls.__mro__ if name in c.__dict__), None)
        if isinstance(member, MemberDescriptorType):
            found[name] = _word(_word(id(member) + _DESCRIBED) + _OFFSET)
    return found


def number_slot(cls: type, name: str) -> int | None:
    """The address of an operator's slot ("mul", "isub") in a class; None where the slot is not at the known offset."""
    if name not in _NUMBER_SLOTS:
        return None
    known_as, index = _NUMBER_SLOTS[name]
    read = ctypes.pythonapi.PyType_GetSlot
    read.restype, read.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_int]
    address = _word(id(cls) + _AS_NUMBER) + 8 * index
    return address if cls.__flags__ & _HEAP_TYPE and _word(address) == read(cls, known_as) else None


@lru_cache(maxsize=1)
def sound() -> bool:
    """Whether this interpreter has the layout above."""
    if sys.implementation.name != "cpython" or sysconfig.get_config_var("Py_GIL_DISABLED") or \
            ctypes.sizeof(ctypes.c_void_p) != 8 or sys.byteorder != "little" or hasattr(sys, "getobjects"):
        return False
    first, second = object(), object()
    probe = _Probe(first, second)
    offsets = slots_of(_Probe)
    return (_word(id(probe) + TYPE) == id(_Probe)
            and _word(id((first, second)) + SIZE) == 2
            and [_word(id(pair := (first, second)) + TUPLE_ITEMS + 8 * i) for i in (0, 1)] == [*map(id, pair)]
            and _word(_word(id(items := [first, second]) + LIST_ITEMS) + 8) == id(items[1])
            and _word(id(items) + SIZE) == 2
            and items.__sizeof__() == list.__basicsize__ + 8 * _word(id(items) + LIST_ROOM)
            and [_word(id(probe) + offsets[name]) for name in ("first", "second")] == [id(first), id(second)]
            and _word(id(first)) & 0xffffffff == sys.getrefcount(first) - 1)


class _Probe:
    __slots__ = ("first", "second")

    def __init__(self, first: object, second: object) -> None:
        self.first = first
        self.second = second


def _word(address: int) -> int:
    return ctypes.c_int64.from_address(address).value
