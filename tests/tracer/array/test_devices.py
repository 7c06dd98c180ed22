"""Contexts: copies are copies, gradients pass through them, and GPUs exist only as labels, on request."""
from __future__ import annotations

import threading

import graphs
import numpy as onp
import pytest

import tracer as mx
from tracer import MXNetError, autograd, nd, np, npx
from tracer.jit.report.counters import COUNTERS

HERE, THERE = mx.cpu(0), mx.cpu(1)
MOVES = {"as_in_context": lambda x, c: x.as_in_context(c), "as_in_ctx": lambda x, c: x.as_in_ctx(c),
         "to_device": lambda x, c: x.to_device(c), "copyto": lambda x, c: x.copyto(c)}


def numbers(x):
    return x.asnumpy().tolist()


@pytest.mark.parametrize("move", MOVES)
def test_copies_share_neither_values_nor_gradients(F, move):
    for pending in (False, True):
        x = F.array([1.0, 2.0]) * 1 if pending else F.array([1.0, 2.0])
        y = MOVES[move](x, THERE)
        assert (x.ctx, y.ctx, y.context, y.device) == (HERE, THERE, THERE, THERE) and type(y) is type(x)
        x += 10
        y[0] = 5
        assert (numbers(x), numbers(y)) == ([11, 12], [5, 2])
        x.attach_grad()
        y.attach_grad()
        with autograd.record():
            z = (x * 2).sum() + (y * 3).sum().as_in_ctx(HERE)
        z.backward()
        assert (numbers(x.grad), numbers(y.grad)) == ([2, 2], [3, 3])
        assert (x.grad.ctx, y.grad.ctx) == (HERE, THERE)


@pytest.mark.parametrize("mode", ["never", "always"])
@pytest.mark.parametrize("shape", [(2, 3), (), (0, 2), (1,)], ids=str)
def test_gradients_through_copies(mode, shape):
    """d/dx sum(sin(x) * w) = cos(x) * w, over two contexts, with and without a read in between."""
    values = onp.asarray(onp.linspace(-1, 1, onp.prod(shape, dtype=int)).reshape(shape), "float32")
    with graphs.jit_mode(mode):
        for read in (False, True, False, True):
            x, w = np.array(values), np.array(values * 2 + 1).as_in_ctx(THERE)
            x.attach_grad()
            w.attach_grad("add")
            with autograd.record():
                y = np.sin(x).as_in_ctx(THERE) * w
                if read:
                    y.wait_to_read()
                z = y.as_in_ctx(mx.cpu(2)).sum()
            for _ in range(2):
                z.backward(retain_graph=True)
            onp.testing.assert_allclose(x.grad.asnumpy(), onp.cos(values) * (values * 2 + 1), rtol=1e-5, atol=1e-6)
            onp.testing.assert_allclose(w.grad.asnumpy(), 2 * onp.sin(values), rtol=1e-5)
            assert (x.grad.ctx, y.ctx, z.ctx, w.grad.ctx) == (HERE, THERE, mx.cpu(2), THERE)


def test_second_derivatives_through_copies():
    x = np.array([1.0, 2.0])
    x.attach_grad()
    with autograd.record():
        y = (x ** 3).as_in_ctx(THERE) * 2
        g, = [autograd.grad(y, [x], create_graph=True)[0]]
        z = g.as_in_ctx(THERE).sum()
    z.backward()
    assert g.ctx == HERE
    onp.testing.assert_allclose(x.grad.asnumpy(), [12, 24], rtol=1e-6)


@pytest.mark.parametrize("mode", ["never", "always"])
def test_a_training_step_on_another_context(F, mode):
    """The same bits as on cpu(0): in-place updates, momentum, `+=` of a gradient."""
    def train(context):
        w, m = (F.array(v).as_in_context(context) for v in ([[0.5, -1.0]], [[0.0, 0.0]]))
        x = F.array([[1.0, 2.0], [3.0, -1.0]]).as_in_context(context)
        w.attach_grad()
        for _ in range(6):
            with autograd.record():
                loss = ((x * w).sum(axis=1) ** 2).mean()
            loss.backward()
            m *= 0.9
            m -= 0.01 * w.grad
            w += m
        assert w.context == m.context == w.grad.context == loss.context == context
        return w.asnumpy(), m.asnumpy()

    with graphs.jit_mode(mode):
        for got, want in zip(train(THERE), train(HERE)):
            onp.testing.assert_array_equal(got, want)


def test_a_copy_keeps_its_values_while_the_original_is_updated_in_place():
    with graphs.jit_mode("always"):
        w = np.zeros((1000,))
        copies = []
        for i in range(5):
            w += 1
            copies.append(w.as_in_ctx(mx.cpu(i + 1)))
            w.wait_to_read()
        assert [c.asnumpy()[[0, -1]].tolist() for c in copies] == [[i, i] for i in range(1, 6)]


def test_views_are_where_their_array_is(F):
    x = F.array([[1.0, 2.0], [3.0, 4.0]]).as_in_context(THERE)
    for view in (x[0], x[0:1], x.detach(), x.reshape((4,)), x[:, 0], *x):
        assert view.context == THERE
    row = x[1]
    row[:] = 7
    assert numbers(x) == [[1, 2], [7, 7]]
    x.astype("float64")[0:1] = F.array([9.0, 9.0])
    x[0] = F.array([8.0, 8.0])  # from another context
    assert numbers(x) == [[8, 8], [7, 7]] and x.context == THERE


def test_gradients_are_where_their_array_of_them_is(F):
    x, g = F.array([1.0, 2.0]), F.array([0.0, 0.0]).as_in_context(THERE)
    autograd.mark_variables([x], [g])
    for _ in range(3):
        with autograd.record():
            y = x * x
        y.backward()
        assert numbers(g) == [2, 4] and x.grad is g and g.context == THERE


def test_updates_write_states_of_other_contexts():
    w, g, m = nd.array([1.0]), nd.array([0.5]).as_in_context(THERE), nd.array([0.0]).as_in_context(THERE)
    nd.sgd_mom_update(w, g, m, lr=0.1, momentum=0.9, out=w)
    assert (w.context, m.context) == (HERE, THERE)
    onp.testing.assert_allclose([w.asscalar(), m.asscalar()], [0.95, -0.05], rtol=1e-6)


def test_hybridized_blocks_remember_each_context_by_itself():
    class Double(mx.gluon.HybridBlock):
        def forward(self, x):
            return x * 2

    double = Double()
    double.hybridize()
    for context in (HERE, THERE, HERE, THERE):
        assert double(np.ones(2, ctx=context)).ctx == context


def test_kernels_do_not_see_contexts():
    def step(x):
        return np.tanh(x * 3.25 + x.sum())

    with graphs.jit_mode("always"):
        x = np.array([0.5, 1.5, 2.0])
        step(x).wait_to_read()
        before = COUNTERS.kernels_compiled
        y = step(x.as_in_ctx(THERE))
        y.wait_to_read()
    assert COUNTERS.kernels_compiled == before and y.ctx == THERE


# ---- scopes ------------------------------------------------------------------------------------------------

def test_scopes_nest_and_may_be_entered_again():
    context = mx.cpu(3)
    with context:
        with context, mx.cpu(4):
            assert np.zeros(1).ctx == mx.current_context() == mx.Context.default_ctx == mx.cpu(4)
        assert np.zeros(1).ctx == mx.cpu(3)
    assert np.zeros(1).ctx == mx.current_context() == mx.Context.default_ctx == HERE


def test_a_scope_is_a_threads_own():
    found = []
    with THERE:
        thread = threading.Thread(target=lambda: found.append(np.ones(1).ctx))
        thread.start()
        thread.join()
        found.append(np.ones(1).ctx)
    assert found == [HERE, THERE]


def test_a_default_context_is_the_outermost():
    from tracer.test_utils import default_context, set_default_context

    def threads_work():
        set_default_context(mx.cpu(5))
        with THERE:
            set_default_context(mx.cpu(6))
            found.append(np.zeros(1).ctx)
        found.extend([np.zeros(1).ctx, default_context()])

    found: list[mx.Context] = []
    thread = threading.Thread(target=threads_work)
    thread.start()
    thread.join()
    assert found == [THERE, mx.cpu(6), mx.cpu(6)] and np.zeros(1).ctx == HERE


def test_what_reads_values_answers_where_they_are():
    x = np.array([[1.0, 0.0], [0.0, 1.0]]).as_in_ctx(THERE)
    counts = np.bincount(x[0].astype("int64"))
    for y in (np.nonzero(x)[0], np.argwhere(x), np.unique(x), np.median(x), npx.nonzero(x), counts,
              np.random.permutation(x), np.random.normal(x, 1), np.random.normal(loc=0, scale=x),
              np.isclose(x, 1), np.delete(x, 0, 0)):
        assert y.ctx == THERE


def test_what_reads_values_answers_where_they_are_in_any_scope(F):
    """In real MXNet, 1.9.1 and 2.0, an array's context takes precedence over the current context and `ctx=`."""
    x = F.array([0.0, 1.0])
    with THERE:
        found = [np.nonzero(x)[0], np.unique(x), np.bincount(x.astype("int64")), npx.nonzero(x), np.delete(x, 0),
                 np.random.uniform(x, 4.0), npx.random.bernoulli(x)] if F is np else [nd.random.shuffle(x)]
        found += [F.random.normal(x, x + 1), F.random.gamma(x + 1, x + 1, ctx=mx.cpu(2))]
        assert {y.ctx for y in found} == {HERE}
        assert F.random.normal(0, 1).ctx == THERE and F.random.normal(0, 1, ctx=mx.cpu(2)).ctx == mx.cpu(2)


# ---- GPUs --------------------------------------------------------------------------------------------------

MAKERS = {
    "nd.zeros": lambda c: nd.zeros((2,), ctx=c), "nd.array": lambda c: nd.array([1], ctx=c),
    "np.ones": lambda c: np.ones(2, ctx=c), "np.array": lambda c: np.array([1], device=c),
    "np.arange": lambda c: np.arange(2, ctx=c), "as_in_context": lambda c: nd.ones(1).as_in_context(c),
    "as_in_ctx": lambda c: np.ones(1).as_in_ctx(c), "copyto": lambda c: np.ones(1).copyto(c),
    "np.random.uniform": lambda c: np.random.uniform(ctx=c), "nd.random.normal": lambda c: nd.random.normal(ctx=c),
    "npx.random.bernoulli": lambda c: npx.random.bernoulli(0.5, ctx=c)}


@pytest.mark.parametrize("name", MAKERS)
def test_no_array_is_made_on_a_gpu(name, monkeypatch):
    monkeypatch.delenv("TRACER_GPU", raising=False)
    make = MAKERS[name]
    with pytest.raises(MXNetError, match="TRACER_GPU=cpu"):
        make(mx.gpu(0))
    with mx.gpu(1):
        assert mx.current_context() == mx.gpu(1)
        if "_in_" not in name and name != "copyto":
            with pytest.raises(MXNetError, match=r"gpu\(1\): GPU is not enabled"):
                make(None)
    assert make(THERE).ctx == THERE


def try_gpu(i=0):
    """The two ways in which scripts look for a GPU: the book's, and that of tutorials older than `num_gpus`."""
    counted = mx.gpu(i) if mx.context.num_gpus() > i else mx.cpu()
    try:
        tried = mx.gpu(i)
        nd.zeros((1,), ctx=tried)
    except mx.base.MXNetError:
        tried = mx.cpu()
    assert counted == tried
    return tried


def test_scripts_find_no_gpu(monkeypatch):
    monkeypatch.delenv("TRACER_GPU", raising=False)
    assert mx.num_gpus() == npx.num_gpus() == mx.device.num_gpus() == mx.util.get_gpu_count() == 0
    assert try_gpu() == HERE
    with pytest.raises(MXNetError, match="gpu_memory_info"):
        mx.gpu_memory_info(0)


def test_gpus_as_labels(monkeypatch):
    monkeypatch.setenv("TRACER_GPU", "cpu")
    assert mx.num_gpus() == 1 and try_gpu() == mx.gpu()
    x = np.array([1.0, 2.0], ctx=mx.gpu())
    x.attach_grad()
    with autograd.record():
        y = (x * x).as_in_ctx(mx.gpu(1))
    y.backward()
    assert numbers(x.grad) == [2, 4]
    assert (x.ctx, x.grad.ctx, y.ctx) == (mx.gpu(0), mx.gpu(0), mx.gpu(1))
    # As MXNet 2 prints devices other than CPUs in __repr__ and __str__.
    assert (repr(x), str(x)) == ("array([1., 2.], device=gpu(0))", "[1. 2.] @gpu(0)")
    assert repr(x.as_nd_ndarray()) == "\n[1. 2.]\n<NDArray 2 @gpu(0)>"
    with mx.gpu(2):
        assert nd.ones(1).ctx == mx.gpu(2)


def test_a_setting_that_means_nothing_is_an_error(monkeypatch):
    monkeypatch.setenv("TRACER_GPU", "cuda")
    with pytest.raises(ValueError, match="TRACER_GPU='cuda': must be cpu"):
        mx.num_gpus()


@pytest.mark.parametrize("kind", ["cpu_pinned", "cpu_shared"])
def test_results_leave_memory_for_transfers(kind):
    """As in MXNet 1.9.1, only parts and copies of an array in pinned or shared memory are there, too."""
    there = mx.Context(kind, 0)
    for pending in (False, True):
        x = nd.ones((2, 2), ctx=there)
        if not pending:
            x.wait_to_read()
        y = nd.ones((2, 2))
        for made in (x + 1, x + y, y + x, nd.relu(x), nd.dot(x, y), nd.stack(x, x), x.T, x == y, x.mean(), x[[0, 1]]):
            assert made.context == HERE
        for made in (x[0], x[:1], x.reshape((-1,)), x.copy(), x.astype("int32"), x.detach()):
            assert made.context == there
        assert nd.concat(y, x, dim=0).context == x.as_in_context(HERE).context == HERE
        x += y
        x[0] = 5
        assert x.context == there and numbers(x) == [[5, 5], [2, 2]]
        x.attach_grad()
        with autograd.record():
            z = (x * y * x).sum()
        z.backward()
        assert z.context == HERE and x.grad.context == there and numbers(x.grad) == [[10, 10], [4, 4]]


def test_moves_of_several_sizes_have_one_plan():
    """The second size takes the plan of the first, whose leaf has no device."""
    with graphs.jit_mode("always"):
        for n in (3, 2, 5):
            x = nd.array(onp.arange(n), ctx=THERE)
            assert numbers(x.as_in_context(mx.cpu(2))) == list(range(n))
