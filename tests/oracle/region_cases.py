"""The expressions of correlation, proposals, parts of regions, quantization and triangles; see vision_cases.py."""
from __future__ import annotations

_PARTS = "array([[0, 1, 0, 5, 3], [1, 2.2, 1.4, 9, 4], [1, 4, 3, 2, 1], [0, -3, -2, 1.6, 7], [1, 5.5, 4.5, 6, 5]])"
_TURNED = ("array([[0, 3, 2, 4, 3, 30], [1, 2.2, 1.4, 9, 4, -75], [1, 0, 0, 0.5, 0.5, 0], [0, 2, 2, 3, 1, 90], "
           "[1, -3, 9, 2, 2, 45]])")
_SCORES = "rand(2, 4, 5, 6); 0.3 * randn(2, 8, 5, 6); array([[20, 24, 1], [17, 21, 0.5]])"
_ONE = "rand(1, 6, 5, 6); 0.3 * randn(1, 12, 5, 6); array([[20, 24, 1]])"
_RANGE = "array([-1.0]); array([2.0])"
_LINE = "array([-1, -0.3, 0, 0.1392, 0.5928, 1.0, 2, 5, -7, 0.5])"

REGIONS: list[tuple[str, str]] = [
    *[(f"nd.Correlation(a, b, kernel_size={k}, max_displacement={d}, stride1={s}, stride2={t}, pad_size={p}, "
       f"is_multiply={multiply})", "randn(2, 3, 6, 7); randn(2, 3, 6, 7)")
      for k, d, s, t, p in ((1, 1, 1, 1, 1), (3, 2, 2, 2, 3), (1, 0, 3, 1, 0), (5, 1, 1, 2, 4), (1, 3, 2, 2, 3))
      for multiply in (True, False)],
    ("nd.Correlation(a, b)", "randn(1, 1, 4, 4).astype('float64'); randn(1, 1, 4, 4).astype('float64')"),
    ("nd.Correlation(a, b, kernel_size=2)", "randn(1, 1, 4, 4); randn(1, 1, 4, 4)"),
    ("nd.Correlation(a, b, max_displacement=9)", "randn(1, 1, 4, 4); randn(1, 1, 4, 4)"),
    ("nd.Correlation(a, b)", "randn(1, 4, 4); randn(1, 4, 4)"),
    ("nd.Correlation(a, b)", "randn(1, 1, 4, 4); randn(1, 1, 4, 4).astype('float64')"),
    *[(f"nd.contrib.PSROIPooling(a, b, spatial_scale={scale}, output_dim=2, pooled_size={size}, group_size={group})",
       f"randn(2, {2 * (group or size) ** 2}, 5, 7); {_PARTS}")
      for scale, size, group in ((1.0, 2, 2), (0.5, 3, 0), (0.7, 3, 2), (1.0, 1, 1))],
    ("nd.contrib.PSROIPooling(a, b, spatial_scale=1.0, output_dim=1)", f"randn(2, 4, 5, 7); {_PARTS}"),
    ("nd.contrib.PSROIPooling(a, b, spatial_scale=2.0, output_dim=1, pooled_size=2)", f"randn(2, 4, 5, 7); {_PARTS}"),
    ("nd.contrib.PSROIPooling(a, b, spatial_scale=1.0, output_dim=1, pooled_size=2)",
     "randn(2, 4, 5, 7); ones((2, 4))"),
    *[(f"nd.contrib.DeformablePSROIPooling(a, b, c, spatial_scale={scale}, output_dim=2, pooled_size={size}, "
       f"group_size={group}, part_size={parts}, sample_per_part={samples}, trans_std=0.1)",
       f"randn(2, {2 * group ** 2}, 5, 7); {_PARTS}; randn(5, {2 * classes}, {parts or size}, {parts or size})")
      for scale, size, group, parts, samples, classes in (
          (1.0, 2, 2, 0, 2, 1), (0.5, 3, 2, 2, 1, 2), (0.7, 3, 1, 3, 4, 1))],
    ("nd.contrib.DeformablePSROIPooling(a, b, spatial_scale=0.9, output_dim=2, pooled_size=3, group_size=3, "
     "sample_per_part=2, no_trans=True)", f"randn(2, 18, 5, 7); {_PARTS}"),
    ("nd.contrib.DeformablePSROIPooling(a, b, spatial_scale=0.9, output_dim=2, pooled_size=3, group_size=3)",
     f"randn(2, 18, 5, 7); {_PARTS}"),
    *[(f"value nd.contrib.RROIAlign(a, b, pooled_size={size}, spatial_scale={scale}, sampling_ratio={ratio})",
       f"randn(2, 3, 5, 7); {_TURNED}") for size, scale in (((2, 3), 1.0), ((1, 1), 0.5)) for ratio in (-1, 2)],
    ("value nd.contrib.RROIAlign(a, b, (2, 2), 0.8)",
     f"randn(2, 3, 5, 7).astype('float64'); {_TURNED}.astype('float64')"),
    ("value nd.contrib.RROIAlign(a, b, (2, 2), 0.8)", "randn(2, 3, 5, 7); ones((2, 5))"),
    ("value nd.contrib.RROIAlign(a, b, (2, 2), 1.8)", f"randn(2, 3, 5, 7); {_TURNED}"),
    *[(f"nd.contrib.MultiProposal(a, b, c, feature_stride=4, scales=(1, 2), ratios=(1,){more})", _SCORES) for more in (
        ", rpn_post_nms_top_n=12, rpn_min_size=3", ", rpn_pre_nms_top_n=20, rpn_post_nms_top_n=9, threshold=0.3, "
        "rpn_min_size=1, output_score=True", ", rpn_pre_nms_top_n=-1, rpn_post_nms_top_n=70, iou_loss=True, "
        "output_score=True, rpn_min_size=2")],
    ("nd.contrib.MultiProposal(a, b, c)", _SCORES),
    ("nd.contrib.Proposal(a, b, c, scales=(1, 2), ratios=(1,))", _SCORES),
    ("nd.contrib.Proposal(a, b, c, feature_stride=4, scales=(2,), ratios=(0.5, 1, 2), rpn_post_nms_top_n=8, "
     "rpn_min_size=4, output_score=True)", _ONE),
    ("nd.contrib.Proposal(a, b, c, feature_stride=4, scales=(2,), ratios=(0.5, 1, 2), rpn_post_nms_top_n=8, "
     "rpn_min_size=4)", "rand(1, 6, 5, 6); 0.3 * randn(1, 11, 5, 6); array([[20, 24, 1]])"),
    ("nd.contrib.Proposal(a, b, c, feature_stride=2, scales=(2,), ratios=(0.5, 1, 2), rpn_post_nms_top_n=8)", _ONE),
    *[(f"value nd.contrib.quantize(a, b, c, out_type={kind!r})", f"{_LINE}; {_RANGE}") for kind in
      ("int8", "uint8", "int32")],
    *[(f"value nd.contrib.quantize_v2(a{more})", _LINE) for more in (
        "", ", out_type='uint8'", ", min_calib_range=-1.0, max_calib_range=2.0", ", out_type='auto'",
        ", out_type='auto', min_calib_range=0.0, max_calib_range=2.0", ", out_type='int32'")],
    ("value nd.contrib.quantize_v2(a)", "array([1, -3], 'int8')"),
    ("value nd.contrib.quantize_v2(a)", "ones(2, 'float64')"),
    *[("value nd.contrib.dequantize(a, b, c)", f"array([0, 1, 127, 3, 9], '{kind}'); {_RANGE}") for kind in
      ("int8", "uint8", "int32")],
    *[(f"value nd.contrib.requantize(a, b, c{more})", f"array([-1000000, -1, 0, 70000, 900000], 'int32'); {_RANGE}")
      for more in ("", ", min_calib_range=-0.0005, max_calib_range=0.0002", ", out_type='uint8'")],
    ("value nd.contrib.requantize(a, b, c)", f"ones(3); {_RANGE}"),
    ("nd.contrib.quadratic(a, a=0.5, b=1.5, c=0.7)", "randn(2, 3)"), ("nd.contrib.quadratic(a)", "randn(2, 3)"),
    ("nd.contrib.quadratic(a, a=0.5, b=1.5, c=0.7)", "array([1, 2, 3, -4], 'int32')"),
    ("nd.contrib.quadratic(a, a=0.5, b=1.5, c=0.7)", "array([1, 2, 3, -4], 'float16')"),
    *[(f"value nd.contrib.index_array(a{more})", shape) for more in ("", ", axes=(1, 0)", ", axes=(-1,)", ", axes=()")
      for shape in ("ones((2, 3))", "ones((2, 1, 2))")],
    *[(f"nd.linalg.{name}(a, offset={offset}, lower={lower})", shape) for name, shape in (
        ("extracttrian", "randn(2, 3, 3)"), ("extracttrian", "randn(3, 3)"), ("maketrian", "randn(2, 6)"),
        ("maketrian", "randn(3)")) for offset, lower in ((0, True), (0, False), (1, True), (-2, False))],
    *[(f"nd.linalg.makediag(a, offset={offset})", shape) for offset in (0, -1, 2)
      for shape in ("randn(2, 3)", "randn(2)", "randn(2, 1, 1)")],
    ("nd.linalg.extracttrian(a, offset=3)", "randn(3, 3)"), ("nd.linalg.extracttrian(a)", "randn(3, 2)"),
    ("nd.linalg.extracttrian(a)", "ones((2, 2), 'int32')"), ("nd.linalg.maketrian(a)", "randn(2)"),
    *[(f"nd.linalg.gemm2(a, b, axis={axis}{more})", arrays) for axis, more, arrays in (
        (0, "", "randn(2, 3, 4); randn(4, 3, 5)"), (-3, ", transpose_a=True", "randn(4, 3, 2); randn(4, 3, 5)"),
        (1, ", alpha=0.5", "randn(2, 3, 2, 4); randn(2, 4, 2, 5)"), (2, "", "randn(2, 3, 4); randn(4, 3, 5)"),
        (1, "", "randn(2, 3, 4); randn(4, 3, 5)"))],
    ("nd.linalg.gemm(a, b, c, axis=0, beta=2)", "randn(2, 3, 4); randn(4, 3, 5); randn(2, 3, 5)"),
    *[(f"nd.linalg.{call}", f"array([[2, 0], [0, 3]], {dtype!r})") for dtype in ("float16", "int32") for call in (
        *(f"{name}(a)" for name in ("makediag", "extractdiag", "sumlogdiag", "det", "slogdet", "maketrian", "inverse",
                                    "gelqf", "potrf", "potri", "syevd", "syrk", "extracttrian")),
        "gemm2(a, a)", "gemm(a, a, a)", "trmm(a, a)", "trsm(a, a)")],
    *[(f"nd.GroupNorm(a, b, c, num_groups={n}, output_mean_var={both})", f"randn(2, 6, 4); randn({n}); randn({n})")
      for n in (1, 2, 3) for both in (True, False)],
    *[(f"nd.Pooling(a, kernel=({k},), stride=({s},), pad=(0, 0, 0), pooling_convention='same', pool_type={kind!r}, "
       "p_value=2)", f"rand(2, 2, {n})") for k, s, n, kind in (
           (2, 2, 4, "max"), (2, 2, 5, "avg"), (3, 2, 6, "sum"), (3, 1, 5, "lp"), (2, 3, 7, "sum"), (4, 1, 4, "sum"))],
]
