"""Ways to go wrong with Gluon: MXNet's type of error, with the block, the parameter and what to do in its text.

The types are those that real MXNet 1.9.1 raises for the same calls.
"""
from __future__ import annotations

import traceback

import pytest

from tracer import MXNetError, autograd, cpu, gluon, lr_scheduler, nd, np
from tracer.gluon import nn

pytestmark = [pytest.mark.native_sample(4), pytest.mark.filterwarnings("ignore::UserWarning")]


def made() -> nn.HybridSequential:
    net = nn.HybridSequential(prefix="net_")
    with net.name_scope():
        net.add(nn.Dense(4, activation="relu", in_units=3), nn.Dense(2, in_units=4))
    net.initialize("ones")
    return net


def trainer(net, **options) -> gluon.Trainer:
    return gluon.Trainer(net.collect_params(), "sgd", options)


class Shift(gluon.HybridBlock):
    """A layer whose parameter's shape follows from no function's rule."""

    def __init__(self, **options):
        super().__init__(**options)
        self.shift = self.params.get("shift", shape=(0, 3), allow_deferred_init=True)

    def hybrid_forward(self, F, x, shift):
        return F.broadcast_add(x, shift)


def before_initialize():
    return nn.Dense(2, in_units=3, prefix="dense_")(nd.ones((1, 3)))


def before_the_first_pass():
    layer = nn.Dense(2, prefix="dense_")
    layer.initialize()
    return layer.weight.data()


def a_step_before_the_first_pass():
    layer = nn.Dense(2, prefix="dense_")
    layer.initialize()
    return trainer(layer).step(1)


def a_trainer_before_initialize():
    return trainer(nn.Dense(2, prefix="dense_"))


def no_shape_found():
    layer = Shift(prefix="shift_")
    layer.initialize()
    return layer(nd.ones((2, 3)))


def a_wrong_shape():
    return made()(nd.ones((2, 5)))


def a_wrong_shape_hybridized():
    net = made()
    net.hybridize()
    return net(nd.ones((2, 5)))


def a_stale_gradient():
    net = made()
    made_trainer = trainer(net)
    with autograd.record():
        loss = net[0](nd.ones((2, 3))).sum()
    loss.backward()
    return made_trainer.step(1)


def a_file_with_too_much(tmp_path):
    made().save_parameters(str(tmp_path / "f"))
    net = nn.HybridSequential()
    net.add(nn.Dense(4, in_units=3))
    return net.load_parameters(str(tmp_path / "f"))


def a_file_with_too_little(tmp_path):
    net = nn.HybridSequential()
    net.add(nn.Dense(4, in_units=3))
    net.initialize()
    net.save_parameters(str(tmp_path / "f"))
    return made().load_parameters(str(tmp_path / "f"))


def a_file_of_other_shapes(tmp_path):
    made().save_parameters(str(tmp_path / "f"))
    net = nn.HybridSequential(prefix="other_")
    with net.name_scope():
        net.add(nn.Dense(5, in_units=3), nn.Dense(2, in_units=5))
    return net.load_parameters(str(tmp_path / "f"))


def a_write_under_record():
    net = made()
    with autograd.record():
        net(nd.ones((2, 3)))
        net[0].weight.data()[:] = 0


def an_update_under_record():
    net = made()
    net.cast("float64")
    with autograd.record():
        weight = net[1].weight.data()
        weight += 1


def two_flavours():
    return nd.ones(2) + np.ones(2)


def a_wrong_dtype():
    return made()(nd.ones((2, 3), dtype="float64"))


def a_cast_network():
    net = made()
    net.cast("float16")
    return net(nd.ones((2, 3)))


def a_rate_beside_a_scheduler():
    return trainer(made(), lr_scheduler=lr_scheduler.FactorScheduler(10)).set_learning_rate(0.5)


def another_batch_size_in_a_distributed_store():
    made_trainer = trainer(made())
    made_trainer._distributed = made_trainer._update_on_kvstore = made_trainer._kv_initialized = True
    made_trainer._check_and_rescale_grad(1.0)
    return made_trainer._check_and_rescale_grad(0.5)


def no_array():
    return made()(3)


def a_block_that_is_not_hybrid():
    return made().add(nn.Sequential())


def a_parameter_overwritten():
    made()[0].weight = 3


def data_of_another_shape():
    return made()[0].weight.set_data(nd.ones((2, 2)))


def no_gradient():
    net = made()
    net.setattr("grad_req", "null")
    return net[1].bias.grad()


#: The type in MXNet, and texts that the message has.
CASES = {
    before_initialize: (RuntimeError, "Parameter 'dense_weight' has not been initialized", "in the block dense: Dense",
                        "you should initialize"),
    before_the_first_pass: (gluon.parameter.DeferredInitializationError, "'dense_weight'", "in_units", "one batch"),
    a_step_before_the_first_pass: (gluon.parameter.DeferredInitializationError, "'dense_weight'", "in_units"),
    a_trainer_before_initialize: (RuntimeError, "'dense_bias' has not been initialized", "initialize()"),
    no_shape_found: (ValueError, "Deferred initialization failed", "'shift_shift'", "(0, 3)",
                     "in the block shift: Shift", "Give the parameter's shape"),
    a_wrong_shape: (MXNetError, "f32[2,5]", "(4, 3)", "(4, 5)", "in the block net_dense0: Dense(3 -> 4"),
    a_wrong_shape_hybridized: (MXNetError, "f32[2,5]", "(4, 3)", "(4, 5)", "in the block net_dense0: Dense(3 -> 4"),
    a_stale_gradient: (UserWarning, "`net_dense1_bias`", "ignore_stale_grad=True"),
    a_file_with_too_much: (ValueError, "'1.weight'", "ignore_extra=True"),
    a_file_with_too_little: (AssertionError, "'1.weight' is missing", "allow_missing=True"),
    a_file_of_other_shapes: (AssertionError, "'other_dense0_weight'", "(5, 3)", "(4, 3)"),
    a_write_under_record: (MXNetError, "Inplace operations", "'net_dense0_weight'", "outside record()"),
    an_update_under_record: (MXNetError, "Inplace operations", "'net_dense1_weight'", "outside record()"),
    two_flavours: (TypeError, "ndarray and NDArray", "as_nd_ndarray()"),
    a_wrong_dtype: (MXNetError, "float64", "float32", "net.cast('float64')", "in the block net_dense0"),
    a_cast_network: (MXNetError, "x.astype('float16')", "in the block net_dense0"),
    a_rate_beside_a_scheduler: (UserWarning, "LRScheduler"),
    another_batch_size_in_a_distributed_store: (UserWarning, "batch size", "update_on_kvstore=False"),
    no_array: (ValueError, "one NDArray", "in the block net_dense0"),
    a_block_that_is_not_hybrid: (ValueError, "must also be HybridBlock", "HybridSequential"),
    a_parameter_overwritten: (TypeError, "Changing attribute type for weight"),
    data_of_another_shape: (AssertionError, "(2, 2)", "(4, 3)", "'net_dense0_weight'"),
    no_gradient: (RuntimeError, "'net_dense1_bias'", "grad_req='null'"),
}


@pytest.mark.parametrize("act", CASES, ids=lambda act: act.__name__)
def test_the_error(act, request):
    kind, *texts = CASES[act]
    given = [request.getfixturevalue("tmp_path")] if "tmp_path" in act.__code__.co_varnames else []
    with pytest.raises(kind) as caught:
        act(*given)
    assert type(caught.value) is kind
    for text in texts:
        assert text in str(caught.value)
    assert str(caught.value).count("in the block") <= 1
    users = [f for f in traceback.extract_tb(caught.value.__traceback__) if f.filename == __file__]
    assert act.__name__ in [frame.name for frame in users[-2:]]


def test_the_network_goes_on_after_an_error():
    net = made()
    net.hybridize()
    with pytest.raises(MXNetError), autograd.record():
        net(nd.ones((2, 5)))
    with autograd.record():
        loss = net(nd.ones((2, 3))).sum()
    loss.backward()
    assert net[1].weight.grad().asnumpy().tolist() == [[6] * 4] * 2


def test_a_text_of_the_user_s_own_error_stays():
    class Wrong(gluon.HybridBlock):
        def hybrid_forward(self, F, x):
            raise ValueError("mine")

    with pytest.raises(ValueError) as caught:
        Wrong()(nd.ones(1))
    assert caught.value.args == ("mine",)


def test_a_repr_that_raises_hides_nothing():
    class Odd(nn.Dense):
        def __repr__(self):
            raise KeyError

    with pytest.raises(RuntimeError, match="in the block odd_: Odd|in the block odd: Odd"):
        Odd(2, in_units=3, prefix="odd_")(nd.ones((1, 3)))


class Added(gluon.HybridBlock):
    def hybrid_forward(self, F, x, y=None, more=()):
        for z in (y, *(more or ())):
            x = x if z is None else x + z
        return x


def test_a_hybridized_block_keeps_the_structure_of_its_arguments():
    """As in both generations of MXNet: Nones at the end do not count, and `hybridize` begins anew."""
    one, net = nd.ones(2), Added()
    net.hybridize()
    for args in ((one,), (one, None), (one, None, None), (nd.ones(3),)):
        net(*args)
    for args in ((one, one), (one, None, [one]), (one, [one]), (one, None, [])):
        with pytest.raises(ValueError, match="The argument structure of HybridBlock does not match the cached version"):
            net(*args)
    assert net(one).asnumpy().tolist() == [1, 1]
    net.hybridize()
    assert net(one, None, [one, one]).asnumpy().tolist() == [3, 3]
    with pytest.raises(ValueError, match="does not match"):
        net(one, None, [one])


def test_a_hybridized_block_takes_arrays_of_one_context():
    net = Added()
    net.hybridize()
    with pytest.raises(ValueError, match="Find multiple contexts in the input"):
        net(nd.ones(1, ctx=cpu(1)), nd.ones(1, ctx=cpu(2)))


def test_blocks_within_a_hybridized_one_take_any_structure():
    class Twice(gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            self.added = Added()

        def hybrid_forward(self, F, x):
            return self.added(self.added(x), x)

    net = Twice()
    net.hybridize()
    assert net(nd.ones(1)).asscalar() == 2
