"""Facts about MXNet's operators that their functions of arrays do not tell: names in JSON, inputs, outputs, states."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tracer.ops.ir.errors import MXNetError

Values = dict[str, Any]

#: The most inputs or outputs of an operator: a damaged file may tell a number for which there is no memory.
_MOST = 1 << 15


def numbered(prefix: str, count: int) -> list[str]:
    """So many names that end with numbers. MXNetError if no operator has so many inputs or outputs."""
    if count > _MOST:
        raise MXNetError(f"an operator has at most {_MOST} inputs and outputs, not {count}")
    return [f"{prefix}{i}" for i in range(count)]


#: Operators with several names: the name in JSON = the others.
_SECOND_NAMES = """
BlockGrad=stop_gradient CTCLoss=_contrib_CTCLoss,_contrib_ctc_loss,ctc_loss Cast=cast Concat=concat Flatten=flatten
Pad=pad Reshape=reshape SliceChannel=split SoftmaxOutput=Softmax SwapAxis=swapaxes
_contrib_box_nms=_contrib_box_non_maximum_suppression _copy=identity _div_scalar=_DivScalar _equal=_Equal
_equal_scalar=_EqualScalar _greater=_Greater _greater_equal=_Greater_Equal _greater_equal_scalar=_GreaterEqualScalar
_greater_scalar=_GreaterScalar _hypot=_Hypot _hypot_scalar=_HypotScalar _lesser=_Lesser _lesser_equal=_Lesser_Equal
_lesser_equal_scalar=_LesserEqualScalar _lesser_scalar=_LesserScalar _logical_and=_Logical_And
_logical_and_scalar=_LogicalAndScalar _logical_or=_Logical_Or _logical_or_scalar=_LogicalOrScalar
_logical_xor=_Logical_Xor _logical_xor_scalar=_LogicalXorScalar _maximum=_Maximum _maximum_scalar=_MaximumScalar
_minimum=_Minimum _minimum_scalar=_MinimumScalar _minus_scalar=_MinusScalar _mod=_Mod _mod_scalar=_ModScalar
_mul_scalar=_MulScalar _not_equal=_Not_Equal _not_equal_scalar=_NotEqualScalar _np_cumsum=cumsum
_plus_scalar=_PlusScalar _power=_Power _power_scalar=_PowerScalar _random_normal=normal _random_uniform=uniform
_rdiv_scalar=_RDivScalar _rminus_scalar=_RMinusScalar _rmod_scalar=_RModScalar _rpower_scalar=_RPowerScalar
_slice_assign=_crop_assign _slice_assign_scalar=_crop_assign_scalar add_n=ElementWiseSum broadcast_add=broadcast_plus
broadcast_axis=broadcast_axes broadcast_sub=broadcast_minus elemwise_add=_Plus,_add,_plus elemwise_div=_Div,_div
elemwise_mul=_Mul,_mul elemwise_sub=_Minus,_minus,_sub max=max_axis min=min_axis pick=choose_element_0index
reverse=flip slice=crop sum=sum_axis _ravel_multi_index=ravel_multi_index _unravel_index=unravel_index
_shuffle=shuffle
"""

#: The names in JSON, by second names.
CANONICAL = {other: name for pair in _SECOND_NAMES.split() for name, _, others in [pair.partition("=")]
             for other in others.split(",")}
#: Prefixes of names that are written with a leading underscore in JSON.
_UNDERSCORED = ("linalg_", "random_", "sample_")


def canonical(name: str) -> str:
    """The name in JSON of the operator called `name` among all operators.

    >>> canonical("_Plus"), canonical("linalg_det"), canonical("FullyConnected")
    ('elemwise_add', '_linalg_det', 'FullyConnected')
    """
    return CANONICAL.get(name) or (f"_{name}" if name.startswith(_UNDERSCORED) else name)


#: Required parameters where the functions of arrays have defaults, with their types: int, float or "" for others.
REQUIRED = {
    "UpSampling": {"scale": "int", "sample_type": "", "num_args": "int"}, "Crop": {"num_args": "int"},
    "LRN": {"nsize": "int"}, "one_hot": {"depth": "int"}, "Embedding": {"input_dim": "int", "output_dim": "int"},
    "clip": {"a_min": "float", "a_max": "float"}, "FullyConnected": {"num_hidden": "int"},
    "Concat": {"num_args": "int"}, "stack": {"num_args": "int"}, "Pad": {"mode": "", "pad_width": ""},
    **dict.fromkeys(("multi_sgd_update", "multi_sgd_mom_update", "multi_mp_sgd_update", "multi_mp_sgd_mom_update"),
                    {"lrs": "", "wds": ""}),
    "lamb_update_phase1": {"t": "int", "wd": "float"}, "mp_lamb_update_phase1": {"t": "int", "wd": "float"},
    "ftml_update": {"t": "int"}, "multi_sum_sq": {"num_arrays": "int"},
    "cast_storage": {"stype": ""}, "RNN": {"state_size": "int", "num_layers": "int", "mode": ""},
    "Convolution": {"kernel": "", "num_filter": "int"}, "Deconvolution": {"kernel": "", "num_filter": "int"},
    "_contrib_PSROIPooling": {"spatial_scale": "float", "output_dim": "int", "pooled_size": "int"},
}
#: Parameters whose default's type is not the only one.
ANY_KIND = frozenset(("axis", "dtype", "shape", "scalar", "axes", "low", "high", "loc", "scale", "alpha", "beta", "lam",
                      "mu", "sigma", "k", "p", "repeats", "reps", "value", "begin", "end", "step", "pad", "is_ascend"))

#: The parameter with the number of inputs, for operators of any number of them.
COUNTS = {**dict.fromkeys(("Concat", "add_n", "stack", "UpSampling", "Crop", "khatri_rao", "_rnn_param_concat",
                           "_npi_concatenate", "_npi_stack", "_npi_vstack", "_npi_hstack", "_npi_dstack",
                           "_npi_column_stack", "_npi_einsum",
                           *[f"{p}atleast_{n}d" for n in (1, 2, 3) for p in ("_np_", "_npi_")]), "num_args"),
          "amp_multicast": "num_outputs", "multi_sum_sq": "num_arrays", "multi_all_finite": "num_arrays",
          "reset_arrays": "num_arrays"}

#: The parameters of nodes of control flow.
CONTROL_FLOW = ("num_args", "num_outputs", "num_out_data", "in_state_locs", "in_data_locs", "remain_locs",
                "in_state_index", "max_iterations", "cond_input_locs", "func_input_locs", "func_var_locs",
                "then_input_locs", "else_input_locs")

#: The names of inputs, before their numbers, where they are not arg0, arg1, ...
PREFIXES = {"amp_multicast": "data_", "multi_sum_sq": "array_", "multi_all_finite": "array_", "reset_arrays": "array_"}

#: Inputs that are auxiliary states: the operator writes them.
STATES = {**dict.fromkeys(("BatchNorm", "_contrib_SyncBatchNorm", "_contrib_BatchNormWithReLU"),
                          ("moving_mean", "moving_var"))}

#: Initializers that MXNet gives to variables, as JSON, by operators and inputs.
INITIALIZERS = {**dict.fromkeys(STATES, {"moving_mean": '["zero", {}]', "moving_var": '["one", {}]'}),
                "LeakyReLU": {"gamma": '["Constant", {"value": 0.25}]'},
                "UpSampling": dict.fromkeys(("weight", "arg1"), '["bilinear", {}]')}


def _without(flag: str, name: str, default: bool = False) -> Callable[[Sequence[str], Values], list[str]]:
    return lambda arrays, given: [a for a in arrays if a != name or not given.get(flag, default)]


def _with(**flags: str) -> Callable[[Sequence[str], Values], list[str]]:
    return lambda arrays, given: [a for a in arrays if a not in flags or given.get(flags[a])]


def _leaky(arrays: Sequence[str], given: Values) -> list[str]:
    return list(arrays) if given.get("act_type") == "prelu" else ["data"]


def _rnn(arrays: Sequence[str], given: Values) -> list[str]:
    absent = [] if given.get("mode") == "lstm" else ["state_cell"]
    absent += [] if given.get("use_sequence_length") else ["sequence_length"]
    return [a for a in arrays if a not in absent]


def _upsampling(_: Sequence[str], given: Values) -> list[str]:
    if given.get("sample_type") == "bilinear":
        return ["data", "weight"]
    count = given.get("num_args", 1)
    return ["data"] if count == 1 else numbered("arg", count)


def _resized(arrays: Sequence[str], given: Values) -> list[str]:
    return list(arrays) if given.get("mode") == "like" else ["data"]


_LENGTH = _with(sequence_length="use_sequence_length")
#: The inputs that an operator has with given parameters, from all its inputs.
INPUTS: dict[str, Callable[[Sequence[str], Values], list[str]]] = {
    "FullyConnected": _without("no_bias", "bias"), "Convolution": _without("no_bias", "bias"),
    "_contrib_DeformablePSROIPooling": _without("no_trans", "trans"),
    "Deconvolution": _without("no_bias", "bias", True), "_contrib_DeformableConvolution": _without("no_bias", "bias"),
    "_contrib_ModulatedDeformableConvolution": _without("no_bias", "bias"), "LeakyReLU": _leaky, "RNN": _rnn,
    "_histogram": lambda arrays, given: ["data"] if given.get("bin_cnt") is not None else list(arrays),
    "CTCLoss": _with(data_lengths="use_data_lengths", label_lengths="use_label_lengths"),
    "softmax": _with(length="use_length"), "_npi_average": _with(weights="weighted"),
    "SequenceMask": _LENGTH, "SequenceLast": _LENGTH,
    "SequenceReverse": _LENGTH, "UpSampling": _upsampling, "_contrib_BilinearResize2D": _resized,
}


def _fixed(names: str, visible: int | None = None) -> Callable[[Values], tuple[tuple[str, ...], int]]:
    found = tuple(names.split())
    return lambda given: (found, len(found) if visible is None else visible)


def _numbered(count: Callable[[Values], int]) -> Callable[[Values], tuple[tuple[str, ...], int]]:
    def names(given: Values) -> tuple[tuple[str, ...], int]:
        n = count(given)
        return (("output",) if n == 1 else tuple(numbered("output", n))), n
    return names


def _statistics(names: str) -> Callable[[Values], tuple[tuple[str, ...], int]]:
    found = tuple(names.split())
    return lambda given: (found, 3 if given.get("output_mean_var") else 1)


def _scored(given: Values) -> tuple[tuple[str, ...], int]:
    return ("output", "score"), 2 if given.get("output_score") else 1


def _rnn_outputs(given: Values) -> tuple[tuple[str, ...], int]:
    names = ("output", "state_output", "statecell_output")
    count = (3 if given.get("mode") == "lstm" else 2) if given.get("state_outputs") else 1
    return names[:count], count


def _topk(given: Values) -> tuple[tuple[str, ...], int]:
    kind = given.get("ret_typ", "indices")
    return (("output",), 1) if kind in ("indices", "mask") else (("output0", "output1"), 2 if kind == "both" else 1)


def _leaky_outputs(given: Values) -> tuple[tuple[str, ...], int]:
    return (("output", "mask"), 2) if given.get("act_type") == "rrelu" else (("output",), 1)


def _pieces(given: Values) -> int:
    sections = given.get("sections", 0) or 0
    return sections if sections > 0 else len(given.get("indices", ()))


def _average(given: Values) -> tuple[tuple[str, ...], int]:
    return ("output0", "output1"), 2 if given.get("returned") else 1


def _slices(given: Values) -> tuple[tuple[str, ...], int]:
    """SliceChannel numbers its outputs even if there is one."""
    n = given["num_outputs"]
    return tuple(numbered("output", n)), n


#: The suffixes of outputs' names, and how many a symbol has, by parameters. Others have one, "output".
OUTPUTS: dict[str, Callable[[Values], tuple[tuple[str, ...], int]]] = {
    "BatchNorm": _statistics("output mean var"), "_contrib_SyncBatchNorm": _statistics("output mean var"),
    "_contrib_BatchNormWithReLU": _statistics("output mean var mask"), "LayerNorm": _statistics("output mean std"),
    "GroupNorm": _statistics("output mean std"), "InstanceNorm": _fixed("output mean var", 1),
    "Dropout": _fixed("output mask", 1), "BilinearSampler": _fixed("output tmp", 1),
    "GridGenerator": _fixed("output grid_dst", 1), "L2Normalization": _fixed("output norm", 1),
    "LRN": _fixed("output tmp_norm", 1), "Pooling": _fixed("output workspace", 1),
    "ROIPooling": _fixed("output maxidx", 1), "SpatialTransformer": _fixed("output grid_dst grid_src", 1),
    "CTCLoss": _fixed("output0 output1", 1), "sort": _fixed("output0 output1", 1),
    "_contrib_box_nms": _fixed("output0 output1", 1), "_linalg_det": _fixed("output0 output1 output2", 1),
    "_linalg_slogdet": _fixed("output0 output1 output2 output3", 2), "_linalg_syevd": _fixed("output0 output1"),
    "_linalg_gelqf": _fixed("output0 output1"),
    "moments": _fixed("output0 output1"), "_histogram": _fixed("output0 output1"),
    "_contrib_MultiBoxTarget": _fixed("loc_target loc_mask cls_target"),
    "_contrib_bipartite_matching": _fixed("output0 output1"), "_contrib_box_encode": _fixed("output0 output1"),
    "Correlation": _fixed("output tmp1 tmp2", 1), "_contrib_DeformablePSROIPooling": _fixed("output top_count", 1),
    **dict.fromkeys(("_contrib_Proposal", "_contrib_MultiProposal"), _scored),
    **dict.fromkeys(("_contrib_quantize", "_contrib_quantize_v2", "_contrib_requantize"),
                    _fixed("output0 output1 output2")),
    "make_loss": _fixed("loss"), "topk": _topk, "RNN": _rnn_outputs, "LeakyReLU": _leaky_outputs,
    "SliceChannel": _slices, **dict.fromkeys(("_split_v2", "_npi_hsplit", "_npi_dsplit"), _numbered(_pieces)),
    **dict.fromkeys(("_npi_concatenate", "_npi_matmul"), _fixed("out")), "_npi_var": _fixed("var mean", 1),
    "_npi_std": _fixed("std mean", 1), **dict.fromkeys(("_npi_norm", "_npi_normal"), _fixed("output0 output1", 1)),
    "_npi_average": _average, **dict.fromkeys(("_npi_svd",), _fixed("output0 output1 output2")),
    **dict.fromkeys(("_npi_qr", "_npi_eigh"), _fixed("output0 output1")),
    "_sample_multinomial": _numbered(lambda given: 2 if given.get("get_prob") else 1),
    **dict.fromkeys(("_foreach", "_while_loop", "_cond"), _numbered(lambda given: given["num_outputs"])),
    "amp_multicast": _numbered(lambda given: given["num_outputs"]),
    **dict.fromkeys(("multi_sgd_update", "multi_sgd_mom_update", "multi_mp_sgd_update", "multi_mp_sgd_mom_update",
                     "preloaded_multi_sgd_update", "preloaded_multi_sgd_mom_update", "preloaded_multi_mp_sgd_update",
                     "preloaded_multi_mp_sgd_mom_update"), _numbered(lambda given: given.get("num_weights", 1))),
}

#: Parameters that 2.0 writes to files and that its operators do not read.
UNREAD = {"_contrib_AdaptiveAvgPooling2D": (
    "kernel", "pool_type", "global_pool", "cudnn_off", "pooling_convention", "stride", "pad", "p_value",
    "count_include_pad", "layout")}

#: The operators of which MXNet keeps an older version, called Convolution_v1 and so on, with the same meaning.
FIRST_VERSIONS = ("BatchNorm", "Convolution", "Pooling")
_TABLES: tuple[dict[str, Any], ...] = (REQUIRED, STATES, INITIALIZERS, INPUTS, OUTPUTS)
for _name in FIRST_VERSIONS:
    for _facts in _TABLES:
        if _name in _facts:
            _facts[f"{_name}_v1"] = _facts[_name]
OUTPUTS["Pooling_v1"] = _fixed("output")
