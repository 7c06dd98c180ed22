"""The user's line: the innermost one outside tracer's packages, under any package name."""
from __future__ import annotations

import pkgutil

import pytest

import tracer
from tracer.core import user_lines

pytestmark = pytest.mark.tierless


def line_below(package: str | None) -> str:
    """The name of the function that `user_line` finds when called from a function of `package`."""
    space = {"__package__": package, "ask": user_lines.user_line, "frame": user_lines.user_frame}
    exec("def in_the_package():\n    return ask(), frame(0)", space)
    line, frame = space["in_the_package"]()
    assert frame.f_code is line[0]
    return line[0].co_name


PACKAGES = ["tracer", *(m.name for m in pkgutil.walk_packages(tracer.__path__, "tracer.") if m.ispkg)]


@pytest.mark.parametrize("package", [*PACKAGES, "tracer.gluon.nn", "tracer.optimizer", "tracer.kvstore.mpi"])
def test_no_package_of_tracer_has_the_user_s_line(package):
    assert len(PACKAGES) > 5
    assert line_below(package) == "line_below"


@pytest.mark.parametrize("package", [None, "", "mine", "tracers", "tracer_extras.tracer", "numpy"])
def test_every_other_package_may_have_it(package):
    assert line_below(package) == "in_the_package"
