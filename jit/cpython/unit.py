"""Units of hot Python functions: compiled together from their sources to built-in functions that do the same."""
from __future__ import annotations

import ast
import builtins
import ctypes
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir

from tracer.ops.ir.errors import CannotCompile

from ..native import disk_cache
from .builtin import builtin
from .calls import SPECIAL
from .emit import I64, NULL, OBJECT, OBJECTS, Emitter
from .layout import slots_of, sound
from .lowering import Lowering
from .operators import Operators, constants_of, emit, shortcuts_of, slot_of
from .recursion import guard_cycles

#: `PyObject_Vectorcall`; Python 3.10 has no such symbol, but it has this one for functions written in Python.
_VECTORCALL = "PyObject_Vectorcall" if hasattr(ctypes.pythonapi, "PyObject_Vectorcall") else "_PyFunction_Vectorcall"


#: Objects that the emitted code names, besides those that its sources name.
_ALWAYS = (None, True, False, (), tuple, list, dict, ValueError, UnboundLocalError, BaseException,
           "__enter__", "__exit__")


class Unit:
    """Functions that are compiled together, so that they call each other directly.

    methods: those that are methods, by class and name: `x.name(...)` calls them, and `cls(...)` the `__init__`.
    slotted: classes whose slots are read in place; this does not hold for their subclasses.
    per_thread: functions without parameters whose result is the same for all calls on one thread, and is kept.
    operators: (class, name of a method such as "__mul__") -> a function of the unit and its first arguments.
    """

    def __init__(self, functions: Sequence[Any], methods: dict[tuple[type, str], Any], slotted: Iterable[type],
                 per_thread: Sequence[Any], operators: Operators) -> None:
        self.module = ir.Module("hot")
        self.methods = methods
        self.per_thread = per_thread
        self.shortcuts = shortcuts_of(operators)
        self.slots: dict[str, list[tuple[type, int]]] = {}
        for cls in slotted:
            for name, offset in slots_of(cls).items():
                self.slots.setdefault(name, []).append((cls, offset))
        self.sources = [textwrap.dedent(inspect.getsource(f)) for f in functions]
        self.trees: list[Any] = [ast.parse(text).body[0] for text in self.sources]
        self.functions: dict[Any, tuple[ir.Function, inspect.Signature]] = {}
        for i, function in enumerate(functions):
            signature = inspect.signature(function)
            kind = ir.FunctionType(OBJECT, [OBJECT] * (1 + len(signature.parameters)))
            emitted = ir.Function(self.module, kind, f"{function.__name__}.{i}")
            emitted.linkage = "internal"
            self.functions[function] = emitted, signature
        named = [*_ALWAYS, *functions, *slotted, *[cls for cls, _ in methods], *constants_of(self.shortcuts),
                 *self._named()]
        self.constants = list({id(value): value for value in named}.values())
        self._places = {id(value): i for i, value in enumerate(self.constants)}
        self._order = [self._places[id(value)] for value in named]

    def _named(self) -> Iterator[Any]:
        """The objects that the sources name, and the parameters' defaults, in an order that the text determines."""
        for (function, (_, signature)), tree in zip(self.functions.items(), self.trees, strict=True):
            known = {**vars(builtins), **function.__globals__}
            for node in ast.walk(tree):
                if isinstance(node, ast.Attribute):
                    yield sys.intern(node.attr)
                elif isinstance(node, ast.Constant):
                    yield sys.intern(node.value) if isinstance(node.value, str) else node.value
                elif isinstance(node, ast.Name) and node.id in known:
                    yield known[node.id]
            yield from [p.default for p in signature.parameters.values() if p.default is not p.empty]

    def text(self) -> str:
        """All that the code depends on: the sources, and this interpreter's offsets of the slots read in place."""
        places = [(name, [offset for _, offset in where]) for name, where in self.slots.items()]
        methods = [(self.constant(cls), name, self._meaning(f)) for (cls, name), f in self.methods.items()]
        meanings = [self._meaning(value) for value in self.constants]
        kept = [function.__name__ for function in self.per_thread]
        shortcuts = [(s.cls.__name__, s.slot, [way and way[0].__name__ for way in s.ways]) for s in self.shortcuts]
        return "|".join([sys.version, *self.sources,
                         repr((places, methods, meanings, kept, shortcuts, self._order))])

    def _meaning(self, value: Any) -> Any:
        """The meaning of a named object to the compiler: a function of the unit by its index, one that is emitted in
        place, or None for a constant."""
        if not callable(value) or not value.__hash__:
            return None
        return list(self.functions).index(value) if value in self.functions else SPECIAL.get(value)

    def constant(self, value: Any) -> int:
        """The index of an object among the constants."""
        return self._places[id(value)]

    def known_of_thread(self, function: Any) -> tuple[ir.Value, ir.Value]:
        """The variables that keep the thread of the last call of one of `per_thread`, and its result."""
        return self._kept(f"{function.__name__}.thread", I64(-1)), self._kept(function.__name__, NULL)

    def _kept(self, name: str, first: ir.Constant) -> ir.Value:
        place = self.module.globals.get(name)
        if place is None:
            place = ir.GlobalVariable(self.module, first.type, name)
            place.linkage, place.initializer = "internal", first
        return place

    def sibling(self, function: Any) -> tuple[ir.Function, inspect.Signature] | None:
        """The emitted form of `function` and its signature, if it is of this unit."""
        return self.functions.get(function) if inspect.isfunction(function) else None

    def lower(self) -> None:
        """Emit all functions, and for each the entry that CPython calls."""
        for (function, (emitted, _)), tree in zip(self.functions.items(), self.trees, strict=True):
            Lowering(self, Emitter(self.module, emitted), function, tree)
        guard_cycles({emitted for emitted, _ in self.functions.values()})
        for function, (emitted, signature) in self.functions.items():
            self._entry(function, emitted, list(signature.parameters.values()))

    def _entry(self, function: Any, emitted: ir.Function, parameters: list[inspect.Parameter]) -> None:
        """Emit a function's entry by CPython's convention: the constants are its `self`, defaults are filled in.

        A call with keywords, or with too few or too many arguments, becomes one of the function in Python, which does
        the same or raises the error.
        """
        kind = ir.FunctionType(OBJECT, [OBJECT, OBJECTS, I64, OBJECT])
        entry = ir.Function(self.module, kind, f"{emitted.name}.entry")
        entry.linkage = "internal"
        e = Emitter(self.module, entry)
        b = e.builder
        required = sum(p.default is p.empty for p in parameters)
        _, arguments, count, keywords = entry.args
        fine = b.and_(b.icmp_signed(">=", count, I64(required)), b.icmp_signed("<=", count, I64(len(parameters))))
        fine = b.and_(fine, b.icmp_unsigned("==", keywords, NULL))
        with b.if_then(b.not_(fine), likely=False):
            b.ret(e.call(_VECTORCALL, self._load(e, function), arguments, count, keywords))
        given = []
        for i, p in enumerate(parameters):
            if i < required:
                given.append(b.load(b.gep(arguments, [I64(i)])))
                continue
            place = b.gep(arguments, [I64(i)])
            default = self._load(e, p.default)
            with b.if_else(b.icmp_signed(">", count, I64(i))) as (there, missing):
                with there:
                    passed, passed_in = b.load(place), b.block
                with missing:
                    missed_in = b.block
            chosen = b.phi(OBJECT)
            chosen.add_incoming(passed, passed_in)
            chosen.add_incoming(default, missed_in)
            given.append(chosen)
        b.ret(b.call(emitted, [entry.args[0], *given]))
        e.finish()

    def _load(self, e: Emitter, value: Any) -> ir.Value:
        return e.builder.load(e.item_place(e.function.args[0], self.constant(value)))

    def compile(self, symbol: str) -> bytes:
        """The object code with `void symbol(int64 *)`, which reads the address of the constants there, and writes those
        of the entries and of the shortcuts over it."""
        self.lower()
        self._table(symbol)
        return object_code(str(self.module))

    def _table(self, symbol: str) -> None:
        function = ir.Function(self.module, ir.FunctionType(ir.VoidType(), [I64.as_pointer()]), symbol)
        constants = self._kept("constants", NULL)
        made = [self.module.globals[f"{emitted.name}.entry"] for emitted, _ in self.functions.values()]
        made += [emit(self, self.module, s, constants) for s in self.shortcuts]
        b = ir.IRBuilder(function.append_basic_block())
        b.store(b.inttoptr(b.load(function.args[0]), OBJECT), constants)
        for i, address in enumerate(made):
            b.store(b.ptrtoint(address, I64), b.gep(function.args[0], [I64(i)]))
        b.ret_void()

    def load(self, address: int) -> list[Callable]:
        """The built-in functions, given the address of `symbol`. The shortcuts are put in place."""
        constants = tuple(self.constants)
        words = (ctypes.c_int64 * (len(self.functions) + len(self.shortcuts)))(id(constants))
        ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address)(ctypes.addressof(words))
        made = [builtin(f.__name__, entry, constants, f.__module__, keywords=True)
                for f, entry in zip(self.functions, words, strict=False)]
        for shortcut, entry in zip(self.shortcuts, words[len(made):], strict=True):
            slot_of(shortcut).value = entry
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(constants))  # the shortcuts hold no reference to them
        return made


def compile_functions(functions: Sequence[Any], *, methods: dict[tuple[type, str], Any] | None = None,
                      slotted: Iterable[type] = (), per_thread: Sequence[Any] = (),
                      operators: Operators | None = None, anew: bool = True) -> list[Callable]:
    """Built-in functions that do what these do. `Unit` describes the other parameters.

    anew: whether to compile them if they are not on disk; else that raises NotKept.
    Raises CannotCompile when one of them is outside of the subset (lowering.py), when its source is not available, or
    when the layout of this interpreter's objects is unknown.
    """
    if not sound():
        raise CannotCompile("this interpreter keeps its objects otherwise than CPython 3.10 to 3.13 on 64 bits")
    try:
        unit = Unit(functions, methods or {}, list(slotted), per_thread, operators or {})
    except OSError as error:
        raise CannotCompile(f"no source: {error}") from error
    symbol = f"hot_{disk_cache.key(unit.text())}"
    if not anew:
        found = disk_cache.load(symbol, ".obj")
        if found is None:
            raise NotKept(f"{symbol}.obj")
        return unit.load(found)
    return unit.load(disk_cache.find(symbol, ".obj", lambda: unit.compile(symbol))[0])


class NotKept(CannotCompile):
    """The error for functions that are not in the disk cache, where compiling was not allowed.

    entry: the name of their file.
    """

    def __init__(self, entry: str) -> None:
        super().__init__(f"{entry} is not in the cache folder")
        self.entry = entry


def object_code(text: str) -> bytes:
    """The object code of LLVM assembly, for this processor."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    module = llvm.parse_assembly(text)
    module.verify()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=1, reloc="pic",
        codemodel="default")
    module.triple = machine.triple
    passes = llvm.create_new_module_pass_manager()
    passes.add_always_inliner_pass()
    passes.add_sroa_pass()  # cells become registers; LLVM's other passes take long and gain little
    passes.add_simplify_cfg_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    passes.run(module, llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=1)))
    return machine.emit_object(module)


def as_method(function: Any) -> Any:
    """A built-in function as a method of a class: its first argument is the instance."""
    make = ctypes.pythonapi.PyInstanceMethod_New
    make.restype = ctypes.py_object
    make.argtypes = [ctypes.py_object]
    return make(function)
