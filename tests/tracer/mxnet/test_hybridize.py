"""`hybridize()`: a pass is recorded again without running its Python, and nothing else changes."""
import numpy
import pytest

from tracer import autograd, explain, gluon, nd, np, npx, random
from tracer.base import MXNetError
from tracer.context import cpu
from tracer.jit.report.counters import LOG

NAMES = ("weight", "last_weight", "gamma", "beta", "running_mean", "running_var")


def block_of(function):
    """A hybridized block of a function, and a list that grows when its Python runs."""
    ran = []

    class Block(gluon.HybridBlock):
        def forward(self, *args):
            ran.append(1)
            return function(*args)

    block = Block()
    block.hybridize()
    return block, ran


def test_python_runs_once_and_gradients_are_the_same():
    block, ran = block_of(lambda x, w: (np.tanh(x * w) * 0.5 + 2.5 * w).sum())
    w = np.array([0.1, -0.2, 0.3])
    w.attach_grad()
    for step in range(5):
        x = np.array([1.0, 2.0, 3.0]) * 2 + step
        x.wait_to_read()
        with autograd.record():
            scaled = w * 1.5
            loss = block(x, scaled) * 3.5
        loss.backward()
        got = w.grad.asnumpy()
        with autograd.record():
            plain = ((np.tanh(x * (w * 1.5)) * 0.5 + 2.5 * (w * 1.5)).sum()) * 3.5
        plain.backward()
        assert loss.item() == pytest.approx(plain.item(), rel=1e-6)
        assert got.tolist() == pytest.approx(w.grad.tolist(), rel=1e-6)
        w[:] = w - 0.1 * w.grad
    assert len(ran) <= 2


def test_a_new_shape_or_mode_runs_python_again():
    nd.waitall()  # pending numbers would precede the block's in the program
    block, ran = block_of(lambda x: x * (2 if autograd.is_training() else 3))
    for shape in (2, 2, 3, 3):
        assert block(np.ones(shape)).tolist() == [3.0] * shape
    assert len(ran) == 2
    with autograd.train_mode():
        assert block(np.ones(2)).tolist() == [2.0, 2.0]
    assert len(ran) == 3
    block.hybridize(False)
    block(np.ones(2))
    block(np.ones(2))
    assert len(ran) == 5


def test_a_pass_of_any_length_is_remembered():
    def long(x):
        for _ in range(3000):
            x = x * 0.5 + 1
        return x

    nd.waitall()
    block, ran = block_of(long)
    results = [block(np.array([n, 1.0])).tolist() for n in (1.0, 2.0, 3.0)]
    assert len(ran) == 1 and results == [[2.0, 2.0]] * 3


def test_numbers_are_the_first_calls():
    nd.waitall()
    scale = [2.0]
    block, _ = block_of(lambda x: x * scale[0])
    assert block(np.ones(2)).tolist() == [2, 2]
    scale[0] = 5.0
    assert block(np.ones(2)).tolist() == [2, 2]


def test_arrays_that_are_closed_over_are_operands():
    nd.waitall()
    w = np.array([1.0, 2.0])
    block, ran = block_of(lambda x: x * w)
    for n in (1.0, 3.0, 5.0):
        w[:] = n
        assert block(np.ones(2)).tolist() == [n, n]
        w *= 2
        assert block(np.ones(2)).tolist() == [2 * n, 2 * n]  # pending now
    assert len(ran) <= 3
    w = np.array([7.0, 8.0])
    assert block(np.ones(2)).tolist() == [7, 8] and len(ran) <= 4


def test_attributes_and_their_items_are_closed_over():
    class Table(gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            self.ran = 0
            self.offset = np.array([1.0])
            self.scales = {"a": [np.array([2.0])]}

        def forward(self, x):
            self.ran += 1
            return x * self.scales["a"][0] + self.offset

    nd.waitall()
    table = Table()
    table.hybridize()
    for n in range(4):
        table.offset = np.array([float(n)])
        table.scales["a"][0][:] = n
        assert table(np.array([3.0])).item() == 4 * n
    assert table.ran == 2
    table.offset.attach_grad()
    for _ in range(3):
        with autograd.record():
            y = table(np.array([1.0])) * 5
        y.backward()
        assert table.offset.grad.item() == 5
    assert table.ran <= 4


def test_an_array_that_nothing_else_refers_to_is_a_constant():
    nd.waitall()
    block, ran = block_of(lambda x: x * np.array([1.0, 2.0]) + np.random.uniform(size=2))
    random.seed(3)
    found = [block(np.ones(2) * n).tolist() for n in range(4)]
    random.seed(3)
    assert found == [(np.ones(2) * n * np.array([1.0, 2.0]) + np.random.uniform(size=2)).tolist() for n in range(4)]
    assert len(ran) == 1
    kept = []
    block, ran = block_of(lambda x: (kept.append(np.array([float(len(kept))])), x * kept[-1])[1])
    assert [block(np.ones(1)).item() for _ in range(3)] == [0, 1, 2] and len(ran) == 3


VIEWS = {
    "nd reshape": (nd, lambda x: x.reshape((-1,)) * 2), "nd detach": (nd, lambda x: x.detach() * 2),
    "nd index": (nd, lambda x: x[1] * 2), "nd slice": (nd, lambda x: x[1:] * 2),
    "nd as np": (nd, lambda x: (x.as_np_ndarray() * 2).as_nd_ndarray()),
    "nd other device": (nd, lambda x: x.as_in_context(cpu(1)) * 2),
    "np index": (np, lambda x: x[1] * 2), "np slice": (np, lambda x: x[1:] * 2),
    "np detach": (np, lambda x: x.detach() * 2),
    "np reshape": (np, lambda x: x.reshape(-1) * 2), "np as nd": (np, lambda x: x.as_nd_ndarray().reshape(-1) * 2),
}


@pytest.mark.parametrize("recording", [False, True], ids=["outside record", "record"])
@pytest.mark.parametrize("name", VIEWS)
def test_views_of_computed_arguments_are_no_constants(name, recording):
    module, function = VIEWS[name]
    block, ran = block_of(function)
    for k in range(4):
        x = module.ones((2, 3)) * k
        nd.waitall()
        with autograd.record() if recording else autograd.pause():
            got = block(x)
        assert got.asnumpy().tolist() == function(x).asnumpy().tolist() == numpy.full(got.shape, 2 * k).tolist()
    assert len(ran) == 1


def test_a_view_of_a_large_parameter_is_remembered():
    weight = gluon.Parameter("weight", shape=(200, 100), init="ones")
    weight.initialize()
    ran = []

    class Sums(gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            self.weight = weight

        def hybrid_forward(self, F, x, weight):
            ran.append(1)
            return F.concat(x, weight.reshape(-1)[:3], dim=0)

    net = Sums()
    net.hybridize()
    for k in range(3):
        weight.set_data(nd.ones((200, 100)) * k)
        nd.waitall()
        assert net(nd.zeros(1)).asnumpy().tolist() == [0, k, k, k]
    assert len(ran) == 1


def test_reads_and_writes_stay_python():
    LOG.uncached.clear()
    seen = np.zeros(1)

    def reading(x):
        return x if float(x.sum()) > 5 else -x

    def writing(x):
        seen[:] = seen + 1
        return x * 2

    def copying(x):
        seen[:] = x
        return x * 2

    block, ran = block_of(reading)
    assert block(np.ones(2)).tolist() == [-1, -1] and block(np.ones(2) * 9).tolist() == [9, 9]
    assert "it reads values" in explain()
    block, ran = block_of(writing)
    for _ in range(4):
        block(np.ones(2))
    assert seen.item() == 4 and len(ran) == 4
    for change in (lambda x: random.seed(1), lambda x: autograd.set_training(True)):
        block, ran = block_of(lambda x, change=change: (change(x), x * 2)[1])
        for _ in range(3):
            block(np.ones(3))
            autograd.set_training(False)
        assert len(ran) == 3
    block, ran = block_of(lambda x: (seen.fill(7), x * 2)[1])
    for n in range(3):
        seen[:] = n
        seen.wait_to_read()
        block(np.ones(3))
        assert seen.item() == 7
    block, ran = block_of(copying)
    for n in range(4):
        assert block(np.array([n])).item() == 2 * n and seen.item() == n
    assert len(ran) == 4
    reasons = {what for (what, _), count in LOG.uncached.items() if count}
    assert reasons >= {"it reads values", "it writes into an array that is neither an argument nor a parameter"}


@pytest.mark.parametrize("draw", [
    lambda x: np.random.uniform(size=2), lambda x: np.random.normal(1.0, 2.0, size=2),
    lambda x: nd.random.normal(0, 1, shape=(2,)).as_np_ndarray(), lambda x: np.random.randint(0, 100, size=2),
    lambda x: nd.random.uniform(-1, 1, shape=(2,)).as_np_ndarray()])
def test_draws_are_repeated_as_python_makes_them(draw):
    nd.waitall()
    block, ran = block_of(lambda x: x + draw(x))
    random.seed(5)
    found = [block(np.zeros(2)).tolist() for _ in range(4)]
    random.seed(5)
    assert found == [(np.zeros(2) + draw(None)).tolist() for _ in range(4)]
    assert len(ran) == 1 and len({*map(tuple, found)}) == 4


def test_a_write_into_an_operand_is_repeated():
    def counting(x, count):
        count += 1
        return x * count

    count, other = np.zeros(1), np.zeros(1)
    block, ran = block_of(counting)
    for n in range(4):
        count.wait_to_read()
        assert block(np.ones(2), count).tolist() == [n + 1, n + 1]
    assert count.item() == 4 and len(ran) == 1
    assert block(np.ones(2), other).tolist() == [1, 1] and (count.item(), other.item()) == (4, 1)


@pytest.mark.parametrize("flavour", [np, nd])
def test_layers_draws_statistics_and_parameters_are_remembered(flavour):
    """A net of dense, normalizing and dropout layers trains alike, hybridized or not; its Python runs twice."""
    def network(hybrid):
        rng = numpy.random.RandomState(0)
        values = [rng.uniform(-1, 1, s).astype("float32") for s in ((5, 4), (1, 5))]
        values += [numpy.ones(5), numpy.zeros(5), numpy.zeros(5), numpy.ones(5)]
        ran = []

        class Net(gluon.HybridBlock):
            def __init__(self):
                super().__init__()
                for name, value in zip(NAMES, values, strict=True):
                    setattr(self, name, gluon.Parameter(name, shape=value.shape))

            def forward(self, x):
                ran.append(1)
                w, v, gamma, beta, mean, var = (getattr(self, name).data() for name in NAMES)
                if flavour is np:
                    h = npx.fully_connected(x, w, num_hidden=5, no_bias=True)
                    h = npx.batch_norm(h, gamma, beta, mean, var, fix_gamma=True)
                    return npx.fully_connected(npx.dropout(npx.relu(h), 0.5), v, num_hidden=1, no_bias=True)
                h = nd.FullyConnected(x, w, num_hidden=5, no_bias=True)
                h = nd.BatchNorm(h, gamma, beta, mean, var, fix_gamma=True)
                return nd.FullyConnected(nd.Dropout(nd.relu(h), 0.5), v, num_hidden=1, no_bias=True)

        net = Net()
        with npx.np_array(flavour is np):
            net.initialize()
        for name, value in zip(NAMES, values, strict=True):
            getattr(net, name).set_data(flavour.array(value))
        net.hybridize(hybrid)
        w, v, gamma, beta, mean, var = (getattr(net, name).data() for name in NAMES)
        losses = []
        random.seed(3)
        for _ in range(6):
            x = flavour.array(rng.uniform(-1, 1, (8, 4)).astype("float32"))
            x.wait_to_read()
            with autograd.record():
                loss = (net(x) ** 2).mean()
            loss.backward()
            for p in (w, v, gamma, beta):
                p[:] = p - 0.1 * p.grad
            losses.append(loss.asnumpy().item())
        seen = net(x).asnumpy()
        return losses, [p.asnumpy() for p in (w, v, gamma, beta, mean, var)], seen, len(ran)

    losses, parameters, seen, count = network(True)
    plain_losses, plain_parameters, plain_seen, plain_count = network(False)
    numpy.testing.assert_allclose(losses, plain_losses, rtol=1e-4)
    for found, plain in zip([seen, *parameters], [plain_seen, *plain_parameters], strict=True):
        numpy.testing.assert_allclose(found, plain, rtol=1e-4, atol=1e-6)
    assert not numpy.array_equal(parameters[4], numpy.zeros(5)) and plain_count == 7 and count <= 4


def test_a_hook_runs_after_those_results_only_that_come_of_it():
    gamma, beta, mean, var = np.ones((2,)), np.zeros((2,)), np.zeros((2,)), np.ones((2,))
    block, ran = block_of(lambda x, gamma, beta, mean, var: (
        x * 2, npx.batch_norm(x, gamma, beta, mean, var, fix_gamma=False)))
    x = np.array([[1.0, 2.0], [3.0, 6.0]])
    x.attach_grad()
    for step in range(4):
        with autograd.record():
            double, normal = block(x, gamma, beta, mean, var)
        double.backward()
        assert mean.tolist() == [0, 0], step
    with autograd.record():
        double, normal = block(x, gamma, beta, mean, var)
    normal.backward()
    assert mean.tolist() == pytest.approx([0.2, 0.4]) and len(ran) <= 2


def test_nested_arrays_several_results_and_what_is_recorded():
    block, ran = block_of(lambda x, state: (x * state[0], [state[1] * 2, np.zeros(2)]))
    x, w = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    w.attach_grad()
    for _ in range(3):
        with autograd.record():
            y, rest = block(x, [w, x])
            assert type(rest) is list
        y.backward()
        assert w.grad.tolist() == [1, 2]
        assert rest[0].tolist() == [2, 4] and rest[1].tolist() == [0, 0]
        with pytest.raises(MXNetError):
            rest[0].backward()
    assert len(ran) == 1
    with pytest.raises(MXNetError):
        y.backward()


def test_a_constant_operand_in_between_stays_constant():
    block, _ = block_of(lambda a, b: a * b)
    x = np.array([3.0])
    x.attach_grad()
    for _ in range(3):
        with autograd.record():
            with autograd.pause():
                frozen = x * x
            y = block(x, frozen)
        y.backward()
        assert x.grad.item() == 9


def test_other_arguments_are_pythons():
    block, ran = block_of(lambda x, n, y=None: x * n)
    assert block(np.ones(1), 2).item() == 2 and block(np.ones(1), 3).item() == 3
    assert len(ran) == 2


def test_hybrid_forward_has_its_namespace():
    class Old(gluon.HybridBlock):
        def hybrid_forward(self, F, x):
            return F.relu(x) + F.np.ones(2).as_nd_ndarray()

    assert Old()(nd.array([-1, 1])).asnumpy().tolist() == [1, 2]
    with pytest.raises(NotImplementedError, match="hybrid_forward"):
        gluon.HybridBlock()(nd.ones(1))
    with pytest.raises(ValueError, match="there must be one NDArray"):
        gluon.HybridBlock()(1)


def test_bad_input_leaves_nothing_behind():
    block, _ = block_of(lambda x, y: x + y)
    with pytest.raises(MXNetError):
        block(np.ones(2), np.ones(3))
    assert block(np.ones(2), np.ones(2)).tolist() == [2, 2]


def test_an_array_closed_over_may_be_missing_later():
    class Offset(gluon.HybridBlock):
        offset = None

        def hybrid_forward(self, F, x):
            return x if self.offset is None else x + self.offset

    block = Offset()
    block.offset = nd.array([10])
    block.hybridize()
    x = nd.array([1])
    assert [block(x).asscalar() for _ in range(3)] == [11, 11, 11]
    block.offset = None
    assert [(block(x) + 0).asscalar() for _ in range(2)] == [1, 1]
    block.offset = nd.array([20])
    assert block(x).asscalar() == 21
