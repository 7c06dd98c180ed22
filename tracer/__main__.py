"""`python -m tracer script.py`: run an unmodified MXNet script on tracer."""
from __future__ import annotations

import argparse
import builtins
import importlib.util
import os
import sys
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType, TracebackType

import tracer
from tracer.install import install_as_mxnet

_USAGE = """\
python -m tracer [--report] [--draw out.svg] script.py [args]
       python -m tracer [--report] [--draw out.svg] -m module [args]
       python -m tracer [--report] [--draw out.svg] -c code [args]"""


def _parse(argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Split the command line into tracer's options and the rest: the script, if any, and its own arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m tracer",
        usage=_USAGE,
        description="Run a program in which `import mxnet` means tracer. All else is as under `python`.",
        epilog="Environment: TRACER_MXNET=1.9.1|2.0, TRACER_JIT=auto|always|never|compare, "
               "TRACER_CACHE=folder, TRACER_DEBUG=1..4.",
        allow_abbrev=False,
    )
    parser.add_argument("--report", action="store_true",
                        help="measure every kernel; at the end print tracer.explain() to stderr")
    parser.add_argument("--draw", metavar="out.svg", help="draw the programs that ran (tracer.viz)")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("-m", dest="module", metavar="module", help="run a module, as python -m does")
    what.add_argument("-c", dest="code", metavar="code", help="run a program given as a string")
    # argparse would look for its options among the script's arguments too, so those are split off first.
    end = 0
    while end < len(argv) and argv[end].startswith("-") and argv[end] != "-":
        option = argv[end]
        end += 2 if option in ("-m", "-c", "--draw") else 1
        if option.startswith(("-m", "-c")):
            break
    options, rest = parser.parse_args(argv[:end]), argv[end:]
    if options.module is None and options.code is None and not rest:
        parser.error("which script?")
    return options, rest


def _prepend_path(folder: str) -> None:
    """Replace sys.path[0], which `python -m tracer` set to the current folder, by `folder`; not under -P or -I."""
    isolated = getattr(sys.flags, "safe_path", False) or sys.flags.isolated
    if not isolated:
        sys.path[0] = folder


def _script(path: str) -> tuple[CodeType, ModuleType]:
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as error:
        sys.exit(f"python -m tracer: can't open file {os.path.abspath(path)!r}: {error.strerror}")
    _prepend_path(os.path.dirname(os.path.realpath(path)))
    module = ModuleType("__main__")
    module.__file__ = os.path.abspath(path)
    return compile(source, module.__file__, "exec", dont_inherit=True), module


def _module_spec(name: str) -> ModuleSpec:
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(name + ".__main__")
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.__main__".startswith(error.name):
            raise
        spec = None
    if spec is None or spec.loader is None:
        sys.exit(f"python -m tracer: no module named {name}, or it is a package without __main__")
    return spec


def _module(name: str) -> tuple[CodeType, ModuleType]:
    spec = _module_spec(name)
    code = spec.loader.get_code(spec.name)  # type: ignore[union-attr]
    module = ModuleType("__main__")
    module.__spec__, module.__loader__, module.__package__ = spec, spec.loader, spec.parent
    module.__file__ = spec.origin
    sys.argv[0] = str(spec.origin)
    return code, module


def _code(source: str) -> tuple[CodeType, ModuleType]:
    _prepend_path("")
    return compile(source, "<string>", "exec", dont_inherit=True), ModuleType("__main__")


def _below(traceback: TracebackType | None) -> TracebackType | None:
    """The traceback without this file's frames, which tell the script's author nothing."""
    while traceback is not None and traceback.tb_frame.f_code.co_filename == _below.__code__.co_filename:
        traceback = traceback.tb_next
    return traceback


def _run(options: argparse.Namespace, rest: list[str]) -> None:
    """Load and run the program as `__main__`; print its uncaught exception as Python would."""
    try:
        if options.code is not None:
            sys.argv = ["-c", *rest]
            code, module = _code(options.code)
        elif options.module is not None:
            sys.argv = ["-m", *rest]
            code, module = _module(options.module)
        else:
            sys.argv = rest
            code, module = _script(rest[0])
        # A real module __main__ in sys.modules: pickle and multiprocessing look the script's classes up there.
        module.__dict__["__builtins__"] = builtins
        sys.modules["__main__"] = module
        exec(code, module.__dict__)
    except SystemExit:
        raise
    except BaseException as error:
        error.__traceback__ = _below(error.__traceback__)
        sys.excepthook(type(error), error, error.__traceback__)
        sys.exit(130 if isinstance(error, KeyboardInterrupt) else 1)


def _draw(options: argparse.Namespace, rest: list[str]) -> None:
    """Run the program, then draw the programs that it ran, even if it ended with an exception."""
    path, taking = os.path.abspath(options.draw), tracer.viz.capture()
    try:
        with taking:
            _run(options, rest)
    finally:
        taking.picture.save(path)


def main(argv: list[str] | None = None) -> None:
    """Run the script, module or code of the command line, then print the report if requested; exit as it does."""
    options, rest = _parse(sys.argv[1:] if argv is None else argv)
    install_as_mxnet(shims=True)
    if options.report:
        tracer.time_kernels()
    try:
        (_draw if options.draw else _run)(options, rest)
    finally:
        if options.report:
            sys.stdout.flush()
            print(tracer.explain(), file=sys.stderr)


if __name__ == "__main__":
    main()
