"""The ops that the compiler knows by name. All other facts about an op are in its record (ops/ir/op.py)."""
from __future__ import annotations

from tracer.ops import load
from tracer.ops.ir.op import OPS

load()

ABSOLUTE = OPS["absolute"]
ADD = OPS["add"]
BROADCAST_TO = OPS["broadcast_to"]
CAST = OPS["cast"]
CUT = OPS["cut"]
DIVIDE = OPS["divide"]
DUPLICATE = OPS["duplicate"]
ERF = OPS["erf"]
EXP = OPS["exp"]
MATMUL = OPS["matmul"]
MATMUL_ONTO = OPS["matmul_onto"]
MULTIPLY = OPS["multiply"]
NEGATIVE = OPS["negative"]
RESHAPE = OPS["reshape"]
SCAN = OPS["scan"]
SCATTER_ADD = OPS["scatter_add"]
SCATTER_ONTO = OPS["scatter_onto"]
SLICE = OPS["slice"]
SQRT = OPS["sqrt"]
SQUARE = OPS["square"]
SUBTRACT = OPS["subtract"]
SUM = OPS["reduce_sum"]
TRANSPOSE = OPS["transpose"]
WHERE = OPS["where"]
