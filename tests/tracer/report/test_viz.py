"""Pictures of programs: their content and layout, and that drawing changes nothing."""
from __future__ import annotations

import random
import subprocess
import sys
import time
import weakref
from xml.etree import ElementTree

import pytest

import tracer
from tracer import autograd, np, npx, viz
from tracer.jit import settings
from tracer.jit.fusion.kernel import Kernel
from tracer.ops.ir.node import forget_all
from tracer.viz import model, svg
from tracer.viz.layout import Edge, arrange, layers

pytestmark = pytest.mark.slow_sample(2)

SVG = "{http://www.w3.org/2000/svg}"


def mlp():
    """Parameters, and a training step on them in plain code."""
    w, b = np.full((6, 4), 0.1), np.zeros(4)
    for p in (w, b):
        p.attach_grad()

    def step(x):
        with autograd.record():
            loss = (npx.relu(np.dot(x, w) + b) ** 2).mean()
        loss.backward()
        for p in (w, b):
            p -= 0.5 * p.grad
        return loss

    return step, w, b


def drawn(picture, kind):
    """The keys of the elements of a class, in each program of the picture."""
    programs = ElementTree.fromstring(str(picture)).iterfind(f".//{SVG}g[@class='tv-program']")
    return [[g.get("data-key") for g in p.iter(f"{SVG}g") if kind in (g.get("class") or "").split()] for p in programs]


def texts(picture):
    return [t.text for t in ElementTree.fromstring(str(picture)).iter(f"{SVG}text")]


# ---- content -------------------------------------------------------------------------------------

def test_every_step_value_and_operation_is_drawn_once():
    step, _, _ = mlp()
    taking = viz.capture()
    with taking as picture:
        step(np.ones((3, 6)))
    (run,) = taking._recorder.runs.values()
    plan = run.program.plan or model.Plan(run.program.outputs)
    (steps,), (ports,) = drawn(picture, "tv-step"), drawn(picture, "tv-port")
    assert len(steps) == len(set(steps)) == len(plan.planning.steps)
    values = drawn(picture, "tv-value")[0] + drawn(picture, "tv-output")[0]
    assert len(values) == len(set(values)) == len(plan.planning.materialized)
    assert len(drawn(picture, "tv-array")[0]) == len(plan.planning.leaves)
    assert len(drawn(picture, "tv-number")[0]) == len(plan.planning.numbers)
    (diagram,) = picture.diagrams
    assert len(ports) == len(set(ports)) == sum(len(g.ports) for g in diagram.groups)
    for group, of in zip(diagram.groups, plan.planning.steps, strict=True):
        assert (group.kind == "kernel") == isinstance(of, Kernel)
        ops = [i.key for i in group.items]
        assert sorted(k for k in drawn(picture, "tv-op")[0] + drawn(picture, "tv-root")[0] if k in ops) == sorted(ops)
        roots = {r.node for r in of.roots} if isinstance(of, Kernel) else {of.node}
        assert sum(i.kind == "root" for i in group.items) == len(roots) == len(group.exits)


def test_the_operations_of_a_known_kernel():
    picture = viz.draw(lambda x: np.exp(x) * x + 1.5, np.ones((2, 3)))
    (diagram,) = picture.diagrams
    (group,) = diagram.groups
    assert sorted(i.lines[0] for i in group.items) == ["add", "cast float32", "exp", "multiply"]
    assert [p.lines for p in group.ports] == [["x"], ["1.5"]]
    assert group.head[:3] == ["kernel 0", "2×3", "1 map"]
    names = {i.key: i.lines[0] for i in group.items}
    assert ("exp", "multiply") in [(names.get(a), names.get(b)) for a, b in group.edges]
    assert [i.lines[0] for i in diagram.items] == ["x: float32[2,3]", "1.5", "result: float32[2,3]"]


def test_arrays_have_the_names_of_the_users_variables():
    step, w, b = mlp()
    lines = [i.lines for i in viz.draw(step, np.ones((3, 6))).diagrams[0].items]
    first = [line[0] for line in lines]
    for name in ("x: float32[3,6]", "w: float32[6,4]", "w.grad: float32[6,4]", "b.grad: float32[4]",
                 "result: float32[]"):
        assert name in first
    assert first.count("w: float32[6,4]") == 2  # before and after
    assert any("in place of w" in line[-1] for line in lines)


def test_a_value_written_in_place_of_another_says_so():
    step, w, b = mlp()
    said = [[i.lines[1] for i in viz.draw(step, np.ones((3, 6))).diagrams[0].items if i.kind == "output"]
            for _ in range(4)]
    done = "can be in place of" if settings.mode == "never" else "in place of"
    assert f"96 B · output, {done} w" in said[-1]


@pytest.mark.parametrize("reads, programs", [(0, 1), (1, 2), (3, 4)])
def test_each_sync_point_is_a_program(reads, programs):
    def function(x):
        for i in range(reads):
            x = x * x
            for _ in range(i):
                x = np.sin(x)
            x.asnumpy()
        return x + 2

    picture = viz.draw(function, np.ones(3))
    assert len(picture) == len(picture.diagrams) == programs
    heads = [d.head[0] for d in picture.diagrams]
    assert all(h.startswith("asnumpy at test_viz.py:") for h in heads[:-1]) and heads[-1].startswith("waitall")


def test_a_program_that_runs_again_is_drawn_once():
    def function(x):
        for _ in range(5):
            x = np.tanh(x)
            x.asnumpy()
        return x

    picture = viz.draw(function, np.ones(3))
    assert [d.head[0].partition(", ")[2] for d in picture.diagrams] == ["and 4 times more"]


def test_a_picture_may_be_looked_at_while_it_is_taken():
    x, seen = np.ones(3), []
    with viz.capture() as picture:
        for _ in range(3):
            (x + 1).asnumpy()
            seen.append([d.head[0].rpartition(":")[2].partition(",")[2] for d in picture.diagrams])
    assert seen == [[""], [" and 1 time more"], [" and 2 times more"]]


def test_a_backward_over_a_cut_is_drawn():
    w = np.ones(3)
    w.attach_grad()
    with viz.capture() as picture:
        with autograd.record():
            y = w * w
            y.asnumpy()
            z = (y * w).sum()
        z.backward()
        w.grad.asnumpy()
    assert any(d.head[0].startswith("backward over a cut at test_viz.py:") for d in picture.diagrams)


def test_what_numpy_does_is_drawn_as_such():
    (diagram,) = viz.draw(lambda x: np.argsort(x) + 1, np.array([3.0, 1.0])).diagrams
    assert [(g.kind, g.items[0].lines[0].split()[0]) for g in diagram.groups][0] == ("numpy", "argsort")
    assert diagram.groups[-1].kind == "kernel"


def test_a_long_kernel_is_summarized():
    def function(x):
        for _ in range(30):
            x = np.sin(x) * x
        return x

    (group,) = viz.draw(function, np.ones((5, 3))).diagrams[0].groups
    (item,) = group.items
    assert item.lines == ["60 operations", "30 × sin", "30 × multiply", "map: 1 made"]


def test_markup_in_a_name_is_escaped():
    arrays = {"<&\">": np.ones(2)}
    picture = viz.draw(lambda d: sum(d.values()) + 1, arrays)
    assert "d['<&\">']: float32[2]" in texts(picture)


# ---- layout --------------------------------------------------------------------------------------

def random_graph(seed, count):
    rng = random.Random(seed)
    sizes = {i: (rng.uniform(10, 150), rng.uniform(10, 90)) for i in range(count)}
    edges = [Edge(rng.randrange(max(0, i - 12), i), i) for i in range(1, count) for _ in range(rng.randrange(3))]
    return sizes, edges


def check(sizes, layout, edges):
    """Assert that boxes do not overlap, and that edges go down from source to target past all other boxes."""
    boxes = {k: (x, y, x + sizes[k][0], y + sizes[k][1]) for k, (x, y) in layout.places.items()}
    assert boxes.keys() == sizes.keys()
    order = sorted(boxes.values(), key=lambda b: b[1])
    for i, (a, b, c, d) in enumerate(order):
        assert a >= -1e-6 and b >= -1e-6 and c <= layout.width + 1e-6 and d <= layout.height + 1e-6
        for e, f, g, h in order[i + 1:]:
            if f >= d:
                break
            assert g <= a or e >= c or h <= b
    for edge, route in zip(edges, layout.routes, strict=True):
        if not route:
            assert edge.far < float("inf")
            continue
        assert route[0][1] == pytest.approx(boxes[edge.source][3])
        assert route[-1][1] == pytest.approx(boxes[edge.target][1])
        assert all(a[1] <= b[1] for a, b in zip(route, route[1:])) and route[0][1] < route[-1][1]
        # Bends lie between the layers: an edge beside a box is vertical.
        for (x, top), (x2, bottom) in zip(route, route[1:]):
            for a, b, c, d in boxes.values():
                if max(b, top) < min(d, bottom) - 1e-6:
                    assert x == x2 and (x <= a or x >= c)


@pytest.mark.parametrize("seed", range(12))
def test_boxes_do_not_overlap_and_edges_go_down(seed):
    sizes, edges = random_graph(seed, 5 + 9 * seed)
    check(sizes, arrange(sizes, edges), edges)
    check(sizes, arrange(sizes, edges, limit=300), edges)


def test_a_layer_is_no_wider_than_asked():
    sizes = {i: (50.0, 10.0) for i in range(30)} | {"root": (50.0, 10.0)}
    edges = [Edge("root", i) for i in range(30)]
    layout = arrange(sizes, edges, gap=0, limit=200)
    check(sizes, layout, edges)
    rows = [sum(place[1] == y for place in layout.places.values()) for y in {p[1] for p in layout.places.values()}]
    assert max(rows) == 4 and len(rows) == 9


def test_layers_keep_ends_apart():
    sizes = dict.fromkeys("abcdx", (1.0, 1.0))
    edges = [Edge("a", "b"), Edge("b", "c"), Edge("c", "d"), Edge("x", "d")]
    assert layers(sizes, edges)["x"] == 2
    assert layers(sizes, edges, top={"a"}, bottom={"d"}) == {"a": 0, "b": 1, "c": 2, "d": 3, "x": 2}
    with pytest.raises(ValueError, match="cycles"):
        layers(sizes, [*edges, Edge("d", "a")])


def test_few_edges_cross():
    # Two chains, given in an order in which they would cross at every layer.
    sizes = {f"{c}{i}": (20.0, 10.0) for i in range(6) for c in ("ab" if i % 2 else "ba")}
    edges = [Edge(f"{c}{i}", f"{c}{i + 1}") for i in range(5) for c in "ab"]
    places = arrange(sizes, edges).places
    assert len({places[f"a{i}"][0] < places[f"b{i}"][0] for i in range(6)}) == 1


def test_a_whole_picture_is_laid_out_properly():
    step, _, _ = mlp()
    for diagram in viz.draw(step, np.ones((3, 6))).diagrams:
        insides = {g.key: svg.inside(g) for g in diagram.groups}
        layout = svg.outside(diagram, insides)
        sizes = {i.key: i.size for i in diagram.items} | {k: (s.width, s.height) for k, s in insides.items()}
        check(sizes, layout, [Edge(a, b) for a, _, b, _ in diagram.edges])
        for group in diagram.groups:
            items = {i.key: i.size for i in [*group.ports, *group.items, *group.exits]}
            check(items, insides[group.key].layout, [Edge(a, b) for a, b in group.edges])


def test_text_fits_its_box():
    step, _, _ = mlp()
    root = ElementTree.fromstring(str(viz.draw(step, np.ones((3, 6)))))
    checked = 0
    for g in root.iter(f"{SVG}g"):
        rect = g.find(f"{SVG}rect")
        for text in g.iterfind(f"{SVG}text") if rect is not None and g.get("data-key") else ():
            x, width = float(rect.get("x")), float(rect.get("width"))
            at, wide = float(text.get("x")), model.text_width(text.text)
            start = at - wide / 2 if text.get("text-anchor") == "middle" else at
            assert x <= start and start + wide <= x + width
            y, height = float(rect.get("y")), float(rect.get("height"))
            assert y + model.FONT * 0.7 <= float(text.get("y")) <= y + height
            checked += 1
    assert checked > 40
    assert float(root.get("width")) > max(map(model.text_width, (t.text for t in root.iter(f"{SVG}text"))))


def test_a_large_program_is_drawn_in_reasonable_time(monkeypatch):
    monkeypatch.setattr("tracer.jit.plan.plan.CHECKS", [])  # verification is not part of drawing
    w = np.full((8, 8), 0.1)

    def function(x):
        for _ in range(400):
            x = np.tanh(np.dot(x, w) * 0.5 + x) - x
        return x

    picture = viz.draw(function, np.ones((4, 8)))
    start = time.process_time()
    text = str(picture)
    assert time.process_time() - start < 10 and ElementTree.fromstring(text) is not None
    (diagram,) = picture.diagrams
    assert sum(len(g.items) for g in diagram.groups) >= 2000


# ---- drawing -------------------------------------------------------------------------------------

def test_drawing_changes_no_results():
    def losses(draw):
        forget_all()  # so that both start in the same tiers
        step, w, b = mlp()
        x = np.arange(18).reshape(3, 6) / 10
        out = []
        for _ in range(4):
            out.append(float(viz.draw(step, x).result if draw else step(x)))
        return out, w.asnumpy().tolist(), b.asnumpy().tolist()

    assert losses(True) == losses(False)


def test_a_picture_is_not_taken_after_an_error():
    from tracer.jit.program import WATCHERS

    with pytest.raises(ZeroDivisionError):
        viz.draw(lambda x: (x + 1) / (1 // 0), np.ones(2))
    assert not WATCHERS
    assert float((np.ones(2) + 1).sum()) == 4


def test_a_picture_keeps_no_arrays_alive():
    def function(x):
        y = x + 1
        handle = weakref.ref(y)
        (y * 2).asnumpy()  # this frame is searched for names
        assert handle() is y
        del y
        return handle() is None

    assert viz.draw(function, np.ones(2)).result


def test_save_and_notebook(tmp_path):
    picture = viz.draw(lambda x: x + 1, np.ones(2))
    picture.save(tmp_path / "step.svg")
    assert (tmp_path / "step.svg").read_text(encoding="utf-8") == str(picture) == picture._repr_svg_()


def test_both_of_mxnets_names():
    tracer.install_as_mxnet()
    import mxnet as mx
    import mxnet.visualization
    from mxnet.viz import draw

    assert mx.viz is mx.visualization is mxnet.visualization is viz and draw is viz.draw


def test_the_command_line_draws(tmp_path):
    code = "from mxnet import np\nx = np.ones(3) * 2\nprint(x.sum())\ny = x + 1\nimport sys; sys.exit(3)"
    command = [sys.executable, "-m", "tracer", "--draw", "out.svg", "-c", code]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (3, "6.0\n", "")
    assert "1. print at &lt;string&gt;:3" in (tmp_path / "out.svg").read_text(encoding="utf-8")
