"""The expressions of images, boxes and attention that MXNet and tracer are asked for; see vision.py.

A case is an expression of arrays a, b, c …, and these arrays, float32 unless one says otherwise, whose random numbers
depend on the case only.
"""
from __future__ import annotations

from region_cases import REGIONS

_IMAGE = "randn(2, 3, 5, 7)"
_QKV, _KV = "randn(4, 2, 12)", "randn(4, 2, 8)"
_ARRAYS = {  # groups of channels, of offsets -> data, offsets, (mask,) weights and bias of a 3 x 2 kernel
    (g, m): (f"randn(2, 4, 5, 6); 1.3 * randn(2, {12 * m}, 3, 5)", f"rand(2, {6 * m}, 3, 5)",
             f"randn(6, {4 // g}, 3, 2); randn(6)") for g in (1, 2) for m in (1, 2)}

_ROIS = "array([[0, 1, 0, 5, 3], [1, 2.2, 1.4, 9, 4], [1, 4, 3, 2, 1], [0, -3, -2, 1.6, 7], [1, 5.5, 4.5, 6, 5]])"
_AREAS = "array([[0, 1, 0, 5, 3], [1, 2.2, 1.4, 9, 4], [0, -3, -2, 1.6, 7], [1, 5.5, 4.5, 6, 5]])"
_BOXES = "boxes(2, 5)"
_SCORED = "concatenate([randint(0, 3, (2, 12, 1)), rand(2, 12, 1), boxes(2, 12) - 0.25], 2)"
_ANCHORS, _PREDICTED = "boxes(1, 16)", "randn(3, 4, 16)"
_LABELS = ("concatenate([array([[[0], [2]], [[1], [-1]], [[-1], [-1]]]), "
           "where(array([[[1], [1]], [[1], [0]], [[0], [0]]]), boxes(3, 2), -1)], 2)")

_DETECTION: list[tuple[str, str]] = [
    *[(f"nd.ROIPooling(a, b, pooled_size={size}, spatial_scale={scale})", f"{_IMAGE}; {_ROIS}")
      for size in ((2, 3), (7, 1)) for scale in (1.0, 0.5)],
    ("npx.roi_pooling(a, b, pooled_size=(2, 2), spatial_scale=0.7)", f"{_IMAGE}; {_ROIS}"),
    ("nd.ROIPooling(a, b, pooled_size=(2, 2), spatial_scale=1.0)",
     "randn(1, 1, 4, 4); array([[-1, 0, 0, 2, 2], [1, 0, 0, 2, 2], [0, 6, 6, 9, 9]])"),
    ("nd.ROIPooling(a, b, pooled_size=(2, 2))", f"{_IMAGE}; {_ROIS}"),
    ("nd.ROIPooling(a, b, pooled_size=(2, 2), spatial_scale=2.0)", f"{_IMAGE}; {_ROIS}"),
    ("nd.ROIPooling(a, b, pooled_size=(2, 2), spatial_scale=1.0)", f"{_IMAGE}; ones((2, 4))"),
    *[(f"nd.contrib.ROIAlign(a, b, pooled_size={size}, spatial_scale={scale}, sample_ratio={ratio}, aligned={aligned})",
       f"{_IMAGE}; {_AREAS}") for size, scale in (((2, 3), 1.0), ((4, 1), 0.5)) for ratio in (-1, 2)
      for aligned in (True, False)],
    ("nd.contrib.ROIAlign(a, b, (2, 2), 0.8)", f"{_IMAGE}; {_ROIS}"),
    ("nd.contrib.ROIAlign(a, b, (2, 3), 0.7, position_sensitive=True)", f"randn(2, 12, 5, 6); {_ROIS}"),
    ("nd.contrib.ROIAlign(a, b, (2, 2), 0.7, position_sensitive=True)", f"{_IMAGE}; {_ROIS}"),
    ("nd.contrib.ROIAlign(a, b, (2, 2), 0.8)", f"{_IMAGE}; ones((2, 4))"),
    *[(f"{space}.box_iou(a, b, format={form!r})", "boxes(3, 2); boxes(4)") for space in ("nd.contrib", "npx")
      for form in ("corner", "center")],
    ("nd.contrib.box_iou(a, b)",
     "array([[0, 0, 0, 0], [1, 1, 0, 0], [0, 0, 2, 2]]); array([[0, 0, 0, 0], [0, 0, 1, 1]])"),
    ("nd.contrib.box_iou(a, b)", "boxes(3); randn(3, 5)"), ("nd.contrib.box_iou(a, b)", "boxes(3); randn(4)"),
    *[(f"nd.contrib.box_nms(a, in_format={form!r}, out_format={out!r}{more})", _SCORED)
      for form in ("corner", "center") for out in ("corner", "center")
      for more in ("", ", id_index=0", ", id_index=0, force_suppress=True, topk=6")],
    *[(f"nd.contrib.box_nms(a, {more})", _SCORED) for more in (
        "overlap_thresh=0.2, valid_thresh=0.3, topk=9", "id_index=0, background_id=1", "topk=0, out_format='center'",
        "valid_thresh=2", "score_index=3", "coord_start=3", "id_index=6", "id_index=1", "in_format='edges'")],
    ("npx.box_nms(a, overlap_thresh=0.3, id_index=0)", _SCORED),
    ("nd.contrib.box_nms(a, coord_start=0, score_index=4)", "concatenate([boxes(9), rand(9, 1)], 1)"),
    ("nd.contrib.box_nms(a, coord_start=1, score_index=0, id_index=5)",
     "concatenate([rand(2, 2, 9, 1), boxes(2, 2, 9), randint(0, 2, (2, 2, 9, 2))], 3)"),
    ("nd.contrib.box_nms(a)", "randn(4)"), ("nd.contrib.box_nms(a)", "randn(3, 4)"),
    *[(f"{space}.bipartite_matching(a, {more})", "rand(2, 4, 5)") for space in ("nd.contrib", "npx")
      for more in ("threshold=0.1", "threshold=0.5, is_ascend=True", "threshold=0.1, topk=1")],
    ("nd.contrib.bipartite_matching(a)", "rand(2, 4, 5)"),
    *[(f"{space}.box_encode(a, b, c, d, e, f)", "array([[1, -1, 0, 1, 1], [0, 1, 1, -1, 1]]); randint(0, 3, (2, 5)); "
       "boxes(2, 5); boxes(2, 3); rand(4); 0.5 + rand(4)") for space in ("nd.contrib", "npx")],
    *[(f"{space}.box_decode(a, b, 0.1, 0.2, 0.3, 0.4, clip={clip}, format={form!r})", "randn(2, 5, 4); boxes(1, 5)")
      for space in ("nd.contrib", "npx") for clip in (-1.0, 0.2) for form in ("center", "corner")],
    *[(f"nd.contrib.MultiBoxPrior(a{more})", "randn(2, 3, 3, 4)") for more in (
        "", ", sizes=(0.5, 0.25), ratios=(1, 2, 0.5)", ", sizes=(0.9,), ratios=(2,), clip=True",
        ", steps=(0.3, 0.2), offsets=(0.0, 1.0)", ", sizes=0.5", ", sizes=[0.2, 0.3], ratios=[1, 3]")],
    ("npx.multibox_prior(a, sizes=(0.5, 0.25), ratios=(1, 2))", "randn(2, 3, 3, 4)"),
    ("nd.contrib.MultiBoxPrior(a)", "randn(3, 3)"),
    *[(f"nd.contrib.MultiBoxTarget(a, b, c{more})", f"{_ANCHORS}; {_LABELS}; {_PREDICTED}") for more in (
        "", ", overlap_threshold=0.2", ", negative_mining_ratio=2.0, negative_mining_thresh=0.6",
        ", 0.3, -3, 1.0, 0.7, variances=(1, 0.5, 0.3, 0.2)", ", overlap_threshold=0, negative_mining_ratio=1.0")],
    ("npx.multibox_target(a, b, c, overlap_threshold=0.3)", f"{_ANCHORS}; {_LABELS}; {_PREDICTED}"),
    ("nd.contrib.MultiBoxTarget(a, b, c)", f"{_ANCHORS}; {_LABELS}; randn(3, 4, 15)"),
    ("nd.contrib.MultiBoxTarget(a, b, c)", f"boxes(2, 16); {_LABELS}; {_PREDICTED}"),
    ("nd.contrib.MultiBoxTarget(a, b, c)", f"{_ANCHORS}; ones((3, 2, 4)); {_PREDICTED}"),
    *[(f"nd.contrib.MultiBoxDetection(a, b, c{more})", "0.5 * rand(2, 4, 16); randn(2, 64); boxes(1, 16)") for more in (
        "", ", clip=False, threshold=0.4", ", nms_threshold=0.2, force_suppress=True", ", nms_topk=7",
        ", nms_threshold=-1.0", ", threshold=2.0", ", variances=(1, 1, 0.1, 0.1)")],
    ("npx.multibox_detection(a, b, c, nms_threshold=0.3)", "0.5 * rand(2, 4, 16); randn(2, 64); boxes(1, 16)"),
    ("nd.contrib.MultiBoxDetection(a, b, c)", "rand(2, 4, 16); randn(2, 60); boxes(1, 16)"),
    ("nd.contrib.MultiBoxDetection(a, b, c)", "rand(2, 4, 15); randn(2, 64); boxes(1, 16)"),
]

_PICTURE = "randint(0, 256, (3, 4, 3)).astype('uint8')"
_PICTURES: list[tuple[str, str]] = [
    *[("nd.image.to_tensor(a)", f"randint(0, 256, {shape}).astype('{dtype}')") for shape in ((3, 4, 3), (2, 3, 4, 1))
      for dtype in ("uint8", "int32")],
    *[("value nd.image.to_tensor(a)", f"randint(0, 256, (3, 4, 3)).astype('{dtype}')") for dtype in
      ("float32", "float64", "float16")],
    ("npx.image.to_tensor(a)", _PICTURE), ("nd.image.to_tensor(a)", "randn(3, 4)"),
    *[(f"nd.image.normalize(a, {more})", shape) for more in ("mean=(0.1, 0.2, 0.3), std=(1, 2, 3)", "0.5, 2.0",
                                                             "mean=0.5", "mean=(1, 2), std=1.0")
      for shape in ("rand(3, 2, 4)", "rand(2, 3, 2, 4)", "rand(1, 2, 4)")],
    ("npx.image.normalize(a, mean=(0.1, 0.2, 0.3), std=(1, 2, 3))", "rand(3, 2, 4)"),
    ("nd.image.normalize(a, mean=0.1, std=1.0)", "rand(4, 2, 4)"),
    ("nd.image.normalize(a, mean=0.1, std=1.0)", "rand(2, 4)"), ("nd.image.normalize(a)", "rand(3, 2, 4)"),
    *[(f"nd.image.crop(a, {more})", _PICTURE) for more in ("1, 0, 2, 3", "x=0, y=1, width=4, height=1",
                                                           "x=1, y=0, width=4, height=1", "0, 0, 0, 1", "0, 0, 1")],
    ("nd.image.crop(a, 1, 0, 2, 3)", "randint(0, 256, (2, 3, 4, 3)).astype('uint8')"),
    ("nd.image.crop(a, 1, 0, 2, 2)", "randn(3, 4, 3)"), ("nd.image.crop(a, 0, 0, 1, 1)", "randn(3, 4)"),
    *[(f"nd.image.flip_{which}(a)", arrays) for which in ("left_right", "top_bottom")
      for arrays in ("randint(0, 256, (2, 4, 3)).astype('uint8')", "randint(0, 256, (2, 3, 4, 3)).astype('uint8')",
                     "randn(3, 4)")],
]

#: (expression, arrays); only the value of those that begin with "value" is asked for, and no gradient.
CASES: list[tuple[str, str]] = [
    *[(f"nd.contrib.AdaptiveAvgPooling2D(a, output_size={size})", shape)
      for size in (1, 2, (2, 5), (7, 3), (4,), (5, 7), ()) for shape in (_IMAGE, "randn(1, 2, 6, 4)")],
    ("nd.contrib.AdaptiveAvgPooling2D(a)", "randn(1, 1, 1, 1)"),
    ("nd.contrib.AdaptiveAvgPooling2D(a, output_size=(2, 2))", "randn(1, 1, 3, 3).astype('float16')"),
    ("nd.contrib.AdaptiveAvgPooling2D(a, output_size=1)", "randn(3, 4, 5)"),
    ("nd.contrib.AdaptiveAvgPooling2D(a, output_size=1)", "ones((1, 1, 2, 2), 'int32')"),
    *[(f"nd.contrib.BilinearResize2D(a, {size}, align_corners={corners})", _IMAGE)
      for size in ("height=3, width=9", "height=1, width=1", "height=5, width=7", "height=10, width=2",
                   "scale_height=2.0, scale_width=1.5", "scale_height=0.7, scale_width=0.6",
                   "scale_height=2, scale_width=0.5, mode='odd_scale'", "mode='to_even_down'", "mode='to_even_up'",
                   "mode='to_odd_down'", "mode='to_odd_up'") for corners in (True, False)],
    ("value nd.contrib.BilinearResize2D(a, b, mode='like')", f"{_IMAGE}; randn(1, 1, 4, 3)"),
    ("nd.contrib.BilinearResize2D(a, b, mode='like')", "randn(1, 1, 4, 3); randn(1, 1, 5, 7)"),
    ("nd.contrib.BilinearResize2D(a, height=2, width=5)", "randn(1, 1, 1, 1)"),
    ("nd.contrib.BilinearResize2D(a, b)", f"{_IMAGE}; randn(1, 1, 4, 3)"),
    ("nd.contrib.BilinearResize2D(a, mode='like')", _IMAGE),
    ("nd.contrib.BilinearResize2D(a, mode='cubic')", _IMAGE),
    ("nd.contrib.BilinearResize2D(a, mode='odd_scale')", _IMAGE),
    ("nd.contrib.BilinearResize2D(a, scale_height=2.0)", _IMAGE),
    ("nd.contrib.BilinearResize2D(a, height=0)", _IMAGE),
    ("nd.contrib.BilinearResize2D(a, height=2, width=2)", "ones((1, 1, 3, 3), 'int32')"),
    ("nd.contrib.div_sqrt_dim(a)", "randn(2, 3, 5)"), ("nd.contrib.div_sqrt_dim(a)", "array([[5, 7]], 'int32')"),
    *[case for heads in (1, 2) for space in ("nd.contrib", "npx") for case in (
        (f"{space}.interleaved_matmul_selfatt_qk(a, heads={heads})", _QKV),
        (f"{space}.interleaved_matmul_selfatt_valatt(a, b, heads={heads})", f"{_QKV}; randn({2 * heads}, 4, 4)"),
        (f"{space}.interleaved_matmul_encdec_qk(a, b, heads={heads})", f"randn(3, 2, 4); {_KV}"),
        (f"{space}.interleaved_matmul_encdec_valatt(a, b, heads={heads})", f"{_KV}; randn({2 * heads}, 3, 4)"))],
    ("nd.contrib.interleaved_matmul_selfatt_qk(a)", _QKV),
    ("nd.contrib.interleaved_matmul_selfatt_qk(a, heads=2)", "randn(4, 12)"),
    ("nd.contrib.interleaved_matmul_selfatt_valatt(a, b, heads=2)", f"{_QKV}; randn(4, 3, 3)"),
    ("nd.contrib.interleaved_matmul_encdec_qk(a, b, heads=1)", f"randn(3, 2, 4); {_QKV}"),
    ("nd.contrib.interleaved_matmul_encdec_valatt(a, b, heads=2)", f"{_KV}; randn(3, 3, 4)"),
    *[(f"nd.SVMOutput(a, b{more})", arrays) for more in ("", ", use_linear=True", ", 0.5, 2.0")
      for arrays in ("randn(4, 3); array([0, 2.7, 1, 5])", "randn(2, 2, 3); array([[0, 1], [2, -1]])")],
    ("nd.SVMOutput(a, b)", "randn(4, 3); ones(3)"), ("nd.SVMOutput(a, b)", "randn(4, 3); ones((4, 1))"),
    ("nd.SVMOutput(a, b)", "randn(4, 3); ones(4, 'float64')"),
    *[(f"{space}(a, b, c, d, kernel=(3, 2), pad=(1, 1), stride=(2, 1), dilate=(1, 2), num_filter=6, num_group={g}, "
       f"num_deformable_group={m})", f"{_ARRAYS[g, m][0]}; {_ARRAYS[g, m][2]}") for g in (1, 2) for m in (1, 2)
      for space in ("nd.contrib.DeformableConvolution", "npx.deformable_convolution")[:1 + (g * m == 4)]],
    *[(f"value {space}(a, b, c, d, e, kernel=(3, 2), pad=(1, 1), stride=(2, 1), dilate=(1, 2), num_filter=6, "
       f"num_group={g}, num_deformable_group={m})", "; ".join(_ARRAYS[g, m])) for g in (1, 2) for m in (1, 2)
      for space in ("nd.contrib.ModulatedDeformableConvolution",
                    "npx.modulated_deformable_convolution")[:1 + (g * m == 4)]],
    ("nd.contrib.DeformableConvolution(a, b, c, kernel=(1, 1), num_filter=2, no_bias=True)",
     "randn(1, 2, 3, 3); array([-1.0, -0.5, 0, 0.5, 1, 2, 2.5, 3, 0] * 2).reshape(1, 2, 3, 3); randn(2, 2, 1, 1)"),
    ("nd.contrib.DeformableConvolution(a, b, c, kernel=(1, 1), num_filter=2)",
     "randn(1, 2, 3, 3); randn(1, 2, 3, 3); randn(2, 2, 1, 1)"),
    ("nd.contrib.DeformableConvolution(a, b, c, kernel=(1, 1), num_filter=2, no_bias=True)",
     "randn(1, 2, 3, 3); randn(1, 2, 2, 3); randn(2, 2, 1, 1)"),
    ("nd.BilinearSampler(a, b)", "randn(2, 3, 4, 5); 1.2 * randn(2, 2, 3, 6)"),
    ("nd.BilinearSampler(a, b)", "randn(2, 3, 4, 5); randn(2, 3, 3, 6)"),
    ("nd.GridGenerator(a, transform_type='affine', target_shape=(3, 5))", "randn(2, 6)"),
    ("nd.GridGenerator(a, transform_type='warp')", "randn(2, 2, 3, 5)"),
    ("nd.GridGenerator(a, transform_type='turn')", "randn(2, 2, 3, 5)"),
    ("nd.GridGenerator(a)", "randn(2, 6)"),
    ("nd.SpatialTransformer(a, b, target_shape=(3, 5), transform_type='affine', sampler_type='bilinear')",
     "randn(2, 3, 4, 5); randn(2, 6)"),
    ("nd.amp_cast(a, dtype='float16')", "array([1, 2], 'int32')"), ("nd.amp_cast(a)", "ones(2)"),
    ("value nd.amp_cast(a, dtype='float16')", "ones(2)"),
    ("value nd.amp_multicast(a, b, num_outputs=3)", "ones(3, 'float16'); ones(2)"),
    *[(f"nd._internal._{name}(a, b)", "1 + rand(2, 3); array([[1, 2, 3], [3, 2, 1.5]])") for name in (
        "plus add Plus minus sub Minus mul Mul div Div mod Mod power Power maximum minimum hypot equal not_equal "
        "greater greater_equal lesser lesser_equal logical_and logical_or logical_xor").split()],
    *[(f"nd._internal._{name}_scalar(a, scalar={scalar})", arrays) for name in (
        "plus minus rminus mul div rdiv mod rmod power rpower maximum minimum hypot equal not_equal greater "
        "greater_equal lesser lesser_equal logical_and logical_or logical_xor").split()
      for scalar, arrays in ((1.5, "array([[1, 1.5, 3], [3, 2, 0.5]])"),)],
    ("nd._internal._rminus_scalar(a, scalar=2.5)", "ones(3, 'int32')"),
    ("nd._internal._plus(a, b)", "ones((2, 1)); ones((1, 2))"),
    ("nd.NDArray.shape_array(a)", "ones((2, 3))"), ("nd.NDArray.size_array(a)", "ones((2, 3))"),
    *_DETECTION, *_PICTURES, *REGIONS,
]
