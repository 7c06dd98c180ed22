"""The table of forms of each flavour: the public names that programs call, and those that they do not, with reasons."""
from __future__ import annotations

from . import elementwise, indexing, layers, linalg, movement, products, reductions
from .common import METHODS, Form

KINDS: dict[str, list[tuple[int, Form, list[str]]]] = {
    flavour: [kind for part in (elementwise, reductions, movement, products, indexing, linalg, layers)
              for kind in part.KINDS[flavour]] for flavour in ("np", "nd")}
#: Indices of the kinds, each repeated by its weight: a uniform draw is a weighted one.
WHEELS = {flavour: [i for i, (weight, _, _) in enumerate(kinds) for _ in range(weight)]
          for flavour, kinds in KINDS.items()}
NAMES = frozenset(name for kinds in KINDS.values() for _, _, names in kinds for name in names)
#: Optimizer steps, which are statements.
STEPS = tuple(f"{name}_update" for name in "sgd sgd_mom nag_mom adam rmsprop signsgd ftrl".split())
#: All public functions that programs call.
CALLED = NAMES | {f"nd.{name}" for name in STEPS}

_CLASSES = {"np": "np.ndarray", "npx": "np.ndarray", "nd": "nd.NDArray"}
_OPERATORS = {"np": "add sub mul truediv floordiv mod pow and or xor lshift rshift matmul lt gt eq le ne ge neg pos "
                    "invert abs divmod", "nd": "add sub mul truediv mod pow lt gt eq le ne ge neg abs"}
_REFLECTED = {"np": "add sub mul truediv floordiv mod pow and or xor lshift rshift matmul",
              "nd": "add sub mul truediv mod pow"}
#: Methods and operators that expressions call.
METHOD_NAMES = frozenset(
    [f"{_CLASSES[space]}.{name}" for space, names in METHODS.items() for name in names]
    + [f"{_CLASSES[space]}.__{name}__" for space, names in _OPERATORS.items() for name in names.split()]
    + [f"{_CLASSES[space]}.__r{name}__" for space, names in _REFLECTED.items() for name in names.split()])

#: Declarations for use inside tracer, and the parts of a program that reach them.
INTERNAL = {
    "np._full": "np.full", "np._nan_to_num": "np.nan_to_num",
    "np._arange": "np.arange", "np._linspace": "np.linspace", "np._eye": "np.eye",
    "np._tri": "np.tri", "np._full_of": "np.full", "np._meshgrid": "np.meshgrid", "np._indices": "np.indices",
    "np._reshape": "np.reshape", "np._broadcast_arrays": "np.broadcast_arrays",
    "np._pad": "np.pad", "np._einsum": "np.einsum", "np._quantile": "np.quantile",
    "np._astype": "np.ndarray.astype", "np._copy": "np.ndarray.copy",
    "nd.NDArray._astype": "nd.NDArray.astype",
    "nd._concatenate": "nd.concatenate",
    "nd.NDArray._transpose": "nd.transpose", "nd.NDArray._broadcast_to": "nd.broadcast_to",
    "npx._batch_norm": "npx.batch_norm", "npx._rnn": "npx.rnn",
    "np.ndarray.npx_reshape": "npx.reshape", "np.ndarray.norm": "np.linalg.norm",
    "np.ndarray.__round__": "np.round",
    "index.read_slice": "getitem", "index.read_gather": "gather", "index.found": "mask"}
#: Public names reached by statements other than expressions.
BY_STATEMENTS = frozenset((
    "index.write_slice", "index.write_put", "index.write_mask", "npx._running", *(f"nd.{name}" for name in STEPS)))

_MANY = "a step of many arrays or of float16 weights: test_multi_updates.py has MXNet's answers"
_VISION = "data-dependent, or of boxes: test_vision.py has MXNet's answers and checks gradients by finite differences"
_NAMES = "an operator under its name in saved graphs: test_vision.py has MXNet's answers"
_UNIQUE = "unique only up to signs: test_ops.py checks products of the factors"
_VISION_NAMES = (
    *(f"{space}.{name}" for space in ("nd.image", "npx.image") for name in (
        "to_tensor", "normalize", "crop", "flip_left_right", "flip_top_bottom")),
    *(f"nd.{name}" for name in (
        "BilinearSampler", "GridGenerator", "SpatialTransformer", "ROIPooling", "SVMOutput", "amp_cast",
        "amp_multicast", "NDArray.shape_array", "NDArray.size_array", "Correlation")),
    *(f"nd.contrib.{name}" for name in (
        "DeformableConvolution ModulatedDeformableConvolution ROIAlign RROIAlign PSROIPooling DeformablePSROIPooling "
        "Proposal MultiProposal index_array quadratic quantize quantize_v2 dequantize requantize "
        "MultiBoxPrior MultiBoxTarget MultiBoxDetection box_non_maximum_suppression").split()),
    *(f"npx.{name}" for name in (
        "deformable_convolution modulated_deformable_convolution roi_pooling multibox_prior multibox_target "
        "multibox_detection").split()),
    *(f"{space}.{name}" for space in ("nd.contrib", "npx") for name in (
        "box_iou", "box_nms", "bipartite_matching", "box_encode", "box_decode")))
_OPERATOR_NAMES = (
    *"plus add Plus minus sub Minus mul Mul div Div mod Mod power Power maximum Maximum minimum Minimum".split(),
    *(f"{name}{end}" for end in ("", "_scalar") for name in (
        "hypot equal not_equal greater greater_equal lesser lesser_equal logical_and logical_or logical_xor").split()),
    *(f"{name}_scalar" for name in "plus minus rminus mul div rdiv mod rmod power rpower maximum minimum".split()))
_PICTURES = "a change of pictures: tests/tracer/image has MXNet's answers"
_SPARSE = "for the components of sparse arrays: tests/tracer/sparse has MXNet's answers"
#: Public names that no program calls, with the reason.
EXCLUDED = {
    "np.empty_like": "its elements are of no meaning",
    "index.overwrite": "a write outside record() over what was recorded: test_overwriting.py has MXNet's answers",
    "np.linalg.eigh": _UNIQUE, "np.linalg.svd": _UNIQUE, "np.linalg.qr": _UNIQUE, "nd.linalg_syevd": _UNIQUE,
    **dict.fromkeys((f"nd.linalg{mark}{way}trian" for mark in "_." for way in ("make", "extract")), _VISION),
    "nd.linalg_gelqf": _UNIQUE, "nd.linalg.gelqf": _UNIQUE, "nd.linalg.syevd": _UNIQUE,
    "np._array_equal": "gives a Python bool",
    "npx.pad": "nd.pad, which is called, under another name",
    "npx._sloped": "draws slopes", "npx._masked": "draws a mask",
    "nd._all_finite": "tells of NaN, which programs do not have",
    "nd.contrib.allclose": "one number of all elements: test_semantics.py has MXNet's answers",
    **{f"nd.{name}": _MANY for name in (
        "multi_lars", "lamb_update_phase1", "mp_lamb_update_phase1", "lamb_update_phase2", "mp_lamb_update_phase2",
        *(f"{kind}{name}_update" for kind in ("multi_", "multi_mp_", "preloaded_multi_", "preloaded_multi_mp_", "mp_")
          for name in ("sgd", "sgd_mom")), "mp_nag_mom_update", "ftml_update", "rmspropalex_update", "signum_update",
        "contrib.adamw_update", "contrib.mp_adamw_update")},
    **{name: _VISION for name in _VISION_NAMES},
    **dict.fromkeys(("npx._change_picture", "npx._cut_picture", *(
        f"{space}.image.{name}" for space in ("nd", "npx") for name in ("adjust_lighting", "resize"))), _PICTURES),
    **dict.fromkeys((f"lazy.{name}_update" for name in "adagrad adam ftrl group_adagrad sgd sgd_mom".split()), _SPARSE),
    **dict.fromkeys((f"sparse.{name}" for name in
                     "add_rows distinct dot from_cells from_rows matrix_rows take_cells take_rows".split()), _SPARSE),
    "nd.contrib.SparseEmbedding": _SPARSE,
    "nd.contrib.gradientmultiplier": "the identity: test_multiplied_gradients.py has MXNet's gradient",
    **{f"nd._internal._{name}": _NAMES for name in _OPERATOR_NAMES}}
