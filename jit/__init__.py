"""The compiler: from a graph of operations to running native code, and the interpreter beside it."""
if __name__ != "tracer.jit":
    raise ImportError("jit is a layer of tracer: import tracer.jit", name=__name__)
