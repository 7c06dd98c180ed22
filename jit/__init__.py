"""jit."""
if __name__ != "tracer.jit":
    raise ImportError("jit is a layer of tracer: import tracer.jit", name=__name__)
