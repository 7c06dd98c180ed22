"""x[key] and x[key] = value against NumPy: values, gradients, views and copies, errors."""
from __future__ import annotations

import random

import numpy
import pytest

from tracer import MXNetError, autograd, nd, np, util
from tracer.jit.report.counters import COUNTERS

pytestmark = pytest.mark.native_sample(12)

SHAPE = (4, 3, 5)


def base() -> numpy.ndarray:
    return numpy.arange(60, dtype="float32").reshape(SHAPE)


MASK = numpy.array([[True, False, True], [False, False, True], [True, True, False], [False, False, False]])
KEYS = [
    0, -1, 2, (1, 2), (1, 2, 3), (-1, -1, -1), slice(None), slice(1, 3), slice(None, None, 2),
    slice(None, None, -1), slice(3, 0, -2), slice(5, 9), slice(-3, None), (slice(None), 1),
    (slice(None), slice(None), slice(None, None, 2)), (Ellipsis, 1), (1, Ellipsis), (Ellipsis,), (), None,
    (None, 1), (1, None, slice(1, 3)), (Ellipsis, None), (slice(None), None, 0),
    (0, slice(1, 3), slice(1, 4)),
    (slice(1, 2), 0, slice(None, None, -1)), (slice(0, 0), 1), (slice(2, 3), slice(1, 2), slice(0, 2)),
    [0, 2, 2], [[0, 1], [2, 3]], [-1], ([0, 1], [2, 0]), ([0, 1, 3], [2, 0, 1], [4, 4, 0]),
    (slice(None), [0, 2]),
    (slice(1, 3), [0, 2], slice(None, None, 2)), ([0, 1], slice(None), [1, 2]), (0, slice(None), [1, 2]),
    (1, [0, 2]), ([[0], [1]], [0, 2]), (None, [0, 1], 1), ([0, 1], None, [1, 2]), (Ellipsis, [0, 4, 4]),
    (slice(None, None, -1), [2, 0]), numpy.array([1, 0]), numpy.int64(2), numpy.array(1),
]
MASKS = [MASK, MASK[:, 0], MASK.tolist(), (slice(None), MASK[0]), (MASK[:, 0], 1),
         (MASK[:, 2], slice(None), [1]), numpy.zeros(4, bool), numpy.ones(SHAPE, bool)]


def shown(expected: numpy.ndarray, flavour: str) -> tuple[int, ...]:
    return (1,) if flavour == "nd" and not expected.shape else expected.shape


def make(flavour: str, array: numpy.ndarray):
    module = {"np": np, "nd": nd}[flavour]
    return module.array(array, dtype=array.dtype.name)


def tracked(key):
    """The key with its index lists as tracer arrays."""
    if isinstance(key, tuple):
        return tuple(map(tracked, key))
    if isinstance(key, list) or (isinstance(key, numpy.ndarray) and key.ndim):
        key = numpy.array(key)
        return np.array(key, dtype="bool" if key.dtype == bool else "int32")
    return key


@pytest.mark.parametrize("key", KEYS, ids=repr)
@pytest.mark.parametrize("flavour", ["np", "nd"])
@pytest.mark.parametrize("pending", [False, True])
def test_read(flavour, key, pending):
    x, expected = make(flavour, base()), base()[key]
    x = x + 0 if pending else x
    for form in (key, tracked(key)):
        got = x[form]
        assert got.shape == shown(expected, flavour)
        assert type(got) is type(x)
        numpy.testing.assert_array_equal(got.asnumpy(), expected.reshape(got.shape))


@pytest.mark.parametrize("key", MASKS, ids=range(len(MASKS)))
def test_read_mask(key):
    for form in (key, tracked(key)):
        numpy.testing.assert_array_equal(np.array(base())[form].asnumpy(),
                                         base()[numpy.array(key) if isinstance(key, list) else key])


@pytest.mark.parametrize("key", KEYS + MASKS, ids=range(len(KEYS + MASKS)))
@pytest.mark.parametrize("how", ["scalar", "row", "whole", "list"])
@pytest.mark.parametrize("pending", [False, True])
def test_write(key, how, pending):
    array = base()
    native = numpy.array(key) if isinstance(key, list) else key
    region = array[native].shape
    value = {"scalar": lambda: 7.5, "row": lambda: numpy.arange(region[-1],
                                                                dtype="float32") if region else 2.0,
             "whole": lambda: 100 + numpy.arange(numpy.prod(region, dtype=int),
                                                 dtype="float32").reshape(region),
             "list": lambda: numpy.full((1, *region), 3.0).tolist() if 0 not in region else 3.0}[how]()
    if how == "list":
        array[native] = numpy.array(value, "float32").reshape(region if isinstance(value, list) else ())
    else:
        array[native] = value
    for form in (key, tracked(key)):
        x = np.array(base())
        x = x + 0 if pending else x
        x[form] = np.array(value) if isinstance(value, numpy.ndarray) else value
        numpy.testing.assert_array_equal(x.asnumpy(), array)


@pytest.mark.parametrize("key", KEYS + MASKS, ids=range(len(KEYS + MASKS)))
@pytest.mark.parametrize("cut", [False, True])
def test_gradient(key, cut):
    native = numpy.array(key) if isinstance(key, list) else key
    weights = numpy.arange(1, base()[native].size + 1, dtype="float32").reshape(base()[native].shape)
    expected = numpy.zeros(SHAPE, "float32")
    numpy.add.at(expected, native, 2 * weights)
    x = np.array(base())
    x.attach_grad()
    with autograd.record():
        y = x * 2
        if cut:
            y.wait_to_read()
        z = y[tracked(key)] * np.array(weights)
    z.backward()
    numpy.testing.assert_array_equal(x.grad.asnumpy(), expected)
    with autograd.record():
        z = x[key] * np.array(weights)
    z.backward()
    numpy.testing.assert_array_equal(x.grad.asnumpy(), expected / 2)


def random_key(chooser: random.Random, shape):
    """A key with entries of every kind; all index arrays have one length, so that they broadcast."""
    count = chooser.choice((1, 2, 4))
    entries = []
    for size in shape[:chooser.randint(0, len(shape))]:
        kind = chooser.choice(("int", "slice", "slice", "array", "none"))
        if kind == "none":
            entries += [None, slice(None)]
        elif kind == "int":
            entries.append(chooser.randrange(-size, size))
        elif kind == "slice":
            bounds = [chooser.choice((None, *range(-size - 1, size + 2))) for _ in range(2)]
            entries.append(slice(*bounds, chooser.choice((None, 1, 2, -1, -2))))
        else:
            shaped = (count,) if chooser.random() < 0.7 else (chooser.choice((1, 2)), 1)
            entries.append(numpy.array([chooser.randrange(-size,
                                                          size) for _ in range(int(numpy.prod(shaped)))])
                           .reshape(shaped))
    if chooser.random() < 0.3:
        entries.insert(chooser.randint(0, len(entries)), Ellipsis)
    return tuple(entries)


@pytest.mark.parametrize("seed", range(12))
def test_random_keys(seed):
    chooser = random.Random(seed)
    for _ in range(25):
        shape = tuple(chooser.randint(1, 5) for _ in range(chooser.randint(1, 4)))
        array = numpy.arange(numpy.prod(shape), dtype="float32").reshape(shape)
        key = random_key(chooser, shape)
        x, y = np.array(array), np.array(array) + 0
        numpy.testing.assert_array_equal(x[key].asnumpy(), array[key], err_msg=repr((shape, key)))
        numpy.testing.assert_array_equal(y[tracked(key)].asnumpy(), array[key], err_msg=repr((shape, key)))
        value = -1 - numpy.arange(array[key].size, dtype="float32").reshape(array[key].shape)
        if any(isinstance(k, numpy.ndarray) for k in key):
            value = numpy.float32(-1)  # the order of writes to one element is undefined
        array[key] = value
        x[key], y[key] = np.array(value), np.array(value) * 1
        numpy.testing.assert_array_equal(x.asnumpy(), array, err_msg=repr((shape, key)))
        numpy.testing.assert_array_equal(y.asnumpy(), array, err_msg=repr((shape, key)))


# ---- views and copies --------------------------------------------------------------------------------------

CONTIGUOUS = [0, slice(1, 3), (1, 2), (1, slice(1, 3)), (0, 1, slice(2, 4)), slice(None), (1, 2, 3), None,
              (slice(1, 2), slice(1, 3)), (slice(None, None, 7), 0), ...]
STRIDED = [(slice(None), 0), slice(None, None, 2), slice(None, None, -1), (slice(0, 2), slice(0, 2)), [0],
           [0, 1]]


@pytest.mark.parametrize("flavour", ["np", "nd"])
@pytest.mark.parametrize("pending", [False, True])
@pytest.mark.parametrize("key", CONTIGUOUS + STRIDED, ids=repr)
def test_write_to_slice(flavour, key, pending):
    shares = key in CONTIGUOUS
    array = base()
    x = make(flavour, array)
    x = x + 0 if pending else x
    y = x[key]
    y[() if flavour == "np" else slice(None)] = -1
    if shares:
        array[key] = -1
    numpy.testing.assert_array_equal(x.asnumpy(), array)
    before = y.asnumpy()
    x[:] = 5
    numpy.testing.assert_array_equal(y.asnumpy(), numpy.full(y.shape, 5) if shares else before)


def test_view_of_a_view():
    x = np.array(base())
    row = x[1]
    part = row[1:]
    other = x[1, 2]
    part[1] = -1
    expected = base()
    expected[1, 2] = -1
    for got, want in ((x, expected), (row, expected[1]), (part, expected[1, 1:]), (other, expected[1, 2])):
        numpy.testing.assert_array_equal(got.asnumpy(), want)
    x += 1
    numpy.testing.assert_array_equal(part.asnumpy(), expected[1, 1:] + 1)


def test_augmented_assignment_writes_once():
    x = np.array(base())
    x[1] += 10
    x[:, 0] *= 2
    x[[0, 2]] -= 1
    expected = base()
    expected[1] += 10
    expected[:, 0] *= 2
    expected[[0, 2]] -= 1
    numpy.testing.assert_array_equal(x.asnumpy(), expected)


@pytest.mark.parametrize("key", [Ellipsis, (slice(None), slice(None)), slice(0, 2)], ids=str)
def test_a_slice_of_everything_is_another_array(F, key):
    """Views of all elements share memory. (For `x[:]` see test_aliases.py.)"""
    x = F.ones((2, 2))
    y = x[key]
    assert y is not x and type(y) is type(x)
    y[:] = 3
    assert x.asnumpy().tolist() == [[3, 3], [3, 3]]
    x[0] = 1
    assert y.asnumpy().tolist() == [[1, 1], [3, 3]]


def test_a_view_of_computed_memory_copies_nothing():
    x = np.array(base())
    buffer = x._value.buffer
    assert x[1]._value.buffer.parent is buffer
    assert x[1:3]._value.buffer.addr == buffer.addr + 60
    assert x[:, 1]._value.buffer is None


def test_integer_index_makes_no_program():
    x = np.array(base())
    before = COUNTERS.programs
    for i in range(4):
        x[i].asnumpy()
        x[i, 1] = i
    assert COUNTERS.programs == before


@pytest.mark.parametrize("kind", ["int64", "int32", "uint8"])
def test_an_integer_of_numpy_is_an_index_as_any(F, kind):
    """Samplers draw such integers; the view is the same as with Python's."""
    x = F.array(base())
    integer = numpy.dtype(kind).type
    for i in (0, 3) if kind == "uint8" else (0, 3, -1, -4):
        row = x[integer(i)]
        assert row.shape == x[i].shape and (row.asnumpy() == base()[i]).all()
    row[:] = 7
    assert (x.asnumpy()[i] == 7).all()
    with pytest.raises(IndexError, match="index 4 is out of bounds for axis 0 with size 4"):
        x[integer(4)]
    with pytest.raises(IndexError):
        np.array(1)[numpy.int64(0)]


def test_writes_through_computed_views_make_no_program():
    x, z = np.array(base()), nd.array(base())
    before = COUNTERS.programs
    for row in x:
        row[0] = 1
    x[1][2] = 7
    x[0] = x[1]
    y = x[2]
    y[:] = 5
    w = z.reshape((12, 5))
    w[0, 0] = 9
    assert COUNTERS.programs == before
    expected = base()
    expected[:, 0] = 1
    expected[1, 2] = 7
    expected[0] = expected[1]
    expected[2] = 5
    numpy.testing.assert_array_equal(x.asnumpy(), expected)
    assert z.asnumpy()[0, 0, 0] == 9


@pytest.mark.parametrize("watch", [lambda x: x[1] + 0, lambda x: x[1:].reshape((-1,)) * 1, lambda x: (x + 0)[1] * 1,
                                   lambda x: x[:, 1], lambda x: x.copy()])
def test_writes_through_views_are_not_seen_by_results(watch):
    expected = watch(nd.array(base())).asnumpy()
    x = nd.array(base())
    result = watch(x)  # pending during the write to x
    x[1][:] = -1
    x[1, 0] = -2
    numpy.testing.assert_array_equal(result.asnumpy(), expected)
    assert x.asnumpy()[1, 1].tolist() == [-1] * 5


def test_writes_through_a_base_are_not_seen_by_results_of_its_views():
    x = np.array(base())
    x.wait_to_read()
    rows = x[1:]
    rows.wait_to_read()
    result = rows * 2
    x[1] = -1
    numpy.testing.assert_array_equal(result.asnumpy(), base()[1:] * 2)
    assert rows.asnumpy()[0].tolist() == [[-1] * 5] * 3


def test_write_is_not_seen_by_results_recorded_before():
    x = np.array([1.0, 2.0, 3.0])
    y = x * 2
    z = x + 0
    z.wait_to_read()
    x[0] = 10
    assert y.asnumpy().tolist() == [2, 4, 6]
    assert z.asnumpy().tolist() == [1, 2, 3]
    assert x.asnumpy().tolist() == [10, 2, 3]


def test_write_is_not_seen_by_the_backward():
    x = np.array([1.0, 2.0, 3.0])
    w = np.array([1.0, 1.0, 1.0])
    w.attach_grad()
    with autograd.record():
        y = w * x
    y.wait_to_read()
    x[0] = 10
    y.backward()
    assert w.grad.asnumpy().tolist() == [1, 2, 3]


@pytest.mark.parametrize("read", ["base", "view", "inner", "all"])
@pytest.mark.parametrize("written", ["base", "view", "inner"])
def test_views_recorded_before_their_base_was_computed_share_its_memory(read, written):
    whole = nd.arange(6) + 1
    arrays = {"base": whole, "view": whole.reshape((2, 3))}
    arrays["inner"] = arrays["view"][0]
    nd.waitall() if read == "all" else arrays[read].wait_to_read()
    arrays[written][0] = -1
    assert arrays["inner"].asnumpy()[0] == arrays["view"].asnumpy()[0, 0] == whole.asnumpy()[0] == -1


def test_a_loop_with_many_views_stays_linear():
    x = np.array(numpy.zeros((2000, 2), "float32"))
    rows = list(x)
    rows[1999][:] = 1
    assert x.asnumpy()[1999].tolist() == [1, 1]
    del rows
    for row in x:
        row[0] = 1
    assert len(x._views) < 2100
    assert x.asnumpy()[:, 0].sum() == 2000


# ---- errors ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("key, error, words", [
    (4, IndexError, "index 4 is out of bounds for axis 0 with size 4"),
    (-5, IndexError, "out of bounds"),
    ((0, 3), IndexError, "index 3 is out of bounds for axis 1 with size 3"),
    ((0, 0, 0, 0), IndexError, r"too many indices \(4\) for array with 3 dimensions"),
    ((..., ...), IndexError, "ellipsis"),
    ([0, 7], IndexError, "index 7 is out of bounds for axis 0 with size 4"),
    ((slice(None), [0, -4]), IndexError, "index -4"),
    ("a", ValueError, "does not support slicing with key a"),
    (1.0, ValueError, "does not support slicing with key 1.0"),
    (slice(None, None, 0), ValueError, "zero"),
    (numpy.array([True, False]), IndexError, "boolean index"),
])
def test_bad_keys(key, error, words):
    x = np.array(base())
    with pytest.raises(error, match=words):
        x[key]
    with pytest.raises(error, match=words):
        x[key] = 0


@pytest.mark.parametrize("key", [0, (slice(None), 0), [0, 1], slice(None)])
def test_value_that_does_not_fit(key):
    for x in (np.array(base()), np.array(base()) + 0):
        with pytest.raises(MXNetError, match="broadcast"):
            x[key] = np.array([1.0, 2.0, 3.0, 4.0])
    with pytest.raises(TypeError, match="non-array-like"):
        x[key] = "a"


def test_scalar_array_takes_the_empty_key_only():
    x = np.array(3.0)
    assert x[()].asnumpy() == 3
    x[()] = 4
    assert x.item() == 4
    for key in (0, ..., None, slice(None)):
        with pytest.raises(IndexError, match="scalar tensor"):
            x[key]


def test_writes_under_record():
    x, y = np.array([1.0, 2.0]), np.array([0.0, 0.0])
    x.attach_grad()
    with autograd.record():
        y[0] = 3
        z = x * y
        for array in (x, z):
            for key in (0, slice(None), [0]):
                with pytest.raises(MXNetError, match="Inplace operations"):
                    array[key] = 1
        with pytest.raises(MXNetError, match="Inplace operations"):
            y[0] = x[1] * 2
        y[:] = x * 2
        w = y * 3
    w.backward()
    assert x.grad.asnumpy().tolist() == [6, 6]


def test_variable_written_outside_record_stays_a_variable():
    x = np.array([1.0, 2.0])
    x.attach_grad()
    x[0] = 5
    x[1:] *= 3
    with autograd.record():
        y = x * x
    y.backward()
    assert x.grad.asnumpy().tolist() == [10, 12]


# ---- nd's semantics ----------------------------------------------------------------------------------------

def test_nd_elements_have_shape_1():
    x = nd.array([1, 2, 3])
    assert x[0].shape == (1,)
    assert nd.array([[1, 2]])[0, 1].shape == (1,)
    assert [v.asscalar() for v in x] == [1, 2, 3]


def test_nd_elements_have_no_axes_under_np_shape():
    """As MXNet's, of both generations: also of views, in writes and when iterated over."""
    x = nd.array([[1, 2], [3, 4]])
    with util.np_shape():
        assert (x[0][0].shape, x[0, 1].shape, [v.shape for v in x[1]]) == ((), (), [(), ()])
        assert (x[0][0] + 1).shape == x[0][0].expand_dims(0)[0].shape == ()
        x[0][1][()] = 7
        with pytest.raises(IndexError):
            x[0][0][0]
        with pytest.raises(IndexError):
            len(x[0][0])
        assert nd.stack(x[0][0], x[0][1]).asnumpy().tolist() == [1, 7]
    assert x[0][1].shape == (1,)


def test_nd_full_and_reshape_need_a_shape():
    for make in (lambda: nd.full((), 1), lambda: nd.gather_nd(nd.ones((2, 2)), nd.array([0, 1]))):
        with pytest.raises(MXNetError):
            make()
    with pytest.raises(AssertionError, match="Shape must be provided"):
        nd.ones((1,)).reshape(shape=())
    assert nd.full((0,), 1).shape == (0,)


def test_np_arrays_need_np_shapes():
    with util.np_shape(), util.np_array(), pytest.raises(ValueError, match="is not allowed"):
        util.set_np_shape(False)


def test_nd_takes_bools_for_integers():
    x = nd.array([[1, 2], [3, 4]])
    assert x[[True, False]].asnumpy().tolist() == [[3, 4], [1, 2]]
    assert x[x[0] > 1].shape == (2, 2)


def test_index_that_is_a_float_array():
    x = nd.array([1, 2, 3])
    assert x[nd.array([0, 2])].asnumpy().tolist() == [1, 3]


@pytest.mark.parametrize("i", [0, -1])
def test_index_that_is_still_pending(i):
    x = np.array(base())
    index = np.array([i], dtype="int32") * 1
    assert x[index].asnumpy().tolist() == [base()[i].tolist()]
