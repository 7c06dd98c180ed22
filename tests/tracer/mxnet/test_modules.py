"""The names of modules and of what is in them, against those of real MXNet (tests/oracle/modules.py)."""
from __future__ import annotations

import importlib
import json

import pytest
from places import ROOT, TESTS

from tracer import libinfo
from tracer.mxnet_modules import MODULES, SECOND_NAMES

pytestmark = pytest.mark.tierless

REAL = json.loads((TESTS / "data" / "modules.json").read_text())
#: Modules of MXNet that its import does not load.
NOT_LOADED = {"amp", "contrib.amp", "contrib.svrg_optimization", "misc", "notebook.callback"}
#: Names that are not here: parts of the C interface, of the symbolic API, and decorators of MXNet's own functions.
LACKING = {
    "attribute": {"string_types"}, "random": {"integer_types"},
    "base": {"MXCallbackList", "add_fileline_to_docstring", "build_param_doc", "c2pyerror", "classproperty",
             "ctypes2buffer", "ctypes2numpy_shared", "get_last_ffi_error", "with_metaclass"},
    "library": {"MXlib", "compiled_with_gcc_cxx11_abi", "loaded_libs", "mx_uint"},
    "runtime": {"get_branch", "get_commit_hash"},
    "util": {"dtype_from_number", "get_max_supported_compute_capability", "get_rtc_compile_opts",
             "np_ufunc_legal_option", "numpy_fallback", "wrap_ctx_to_device_func",
             "wrap_data_api_linalg_func", "wrap_data_api_statical_func", "wrap_np_binary_func", "wrap_np_unary_func",
             "wrap_sort_functions"},
}


def test_all_of_mxnets_modules_are_known():
    """The known ones, and those below a known one that has none below it in the list."""
    real = {name for answer in REAL.values() for name in answer["loaded"]}
    parents = {name.rpartition(".")[0] for name in MODULES}
    leaves = tuple(f"{name}." for name in MODULES if name not in parents)
    assert {name for name in real - set(MODULES) if not name.startswith((*leaves, "_ctypes.", "_cy", "_ffi."))} == set()
    assert set(MODULES) - real == NOT_LOADED
    assert len(MODULES) == len(set(MODULES)) and set(SECOND_NAMES.values()) <= set(MODULES)


def test_a_parent_is_listed_before_its_modules():
    for at, name in enumerate(MODULES):
        assert "." not in name or name.rpartition(".")[0] in MODULES[:at], name


@pytest.mark.parametrize("version", REAL)
def test_names_of_modules(version):
    for name, wanted in REAL[version]["names"].items():
        module = importlib.import_module(f"tracer.{name}")
        missing = {n for n in wanted if not hasattr(module, n)}
        assert missing <= LACKING.get(name, set()), (name, missing)


def test_what_is_listed_as_lacking_is_not_here():
    for name, lacking in LACKING.items():
        module = importlib.import_module(f"tracer.{name}")
        assert [n for n in lacking if hasattr(module, n)] == []


def test_tracers_own_version_is_the_distributions():
    assert f'\nversion = "{libinfo.tracer_version}"\n' in (ROOT / "pyproject.toml").read_text()
