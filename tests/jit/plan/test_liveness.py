"""Offsets in the arena: values alive at the same time do not overlap, and the memory of dead ones is reused."""
import numpy
import pytest

from tracer.jit.plan.memory import ALIGN, arrange

pytestmark = pytest.mark.tierless


@pytest.mark.parametrize("seed", range(30))
def test_values_that_live_at_once_lie_apart(seed):
    random = numpy.random.RandomState(seed)
    sizes = {i: int(random.choice([0, 1, 64, 100, 4096])) for i in range(40)}
    touched = [([int(j) for j in random.randint(0, i, 2)] if i else [], [i]) for i in range(40)]
    for i, again in zip(random.randint(1, 40, 5), random.randint(0, 40, 5)):
        touched[i][1].append(int(again % i))  # as a scatter's result, which another step sets to zero
    offsets, total = arrange(touched, sizes)
    begins = {v: min(i for i, (_, writes) in enumerate(touched) if v in writes) for v in sizes}
    ends = {v: max(i for i, (reads, writes) in enumerate(touched) if v in reads or v in writes) for v in sizes}
    for v in sizes:
        assert offsets[v] % ALIGN == 0 and offsets[v] + sizes[v] <= total
        for w in range(v):
            apart = offsets[v] >= offsets[w] + max(sizes[w], 1) or offsets[w] >= offsets[v] + max(sizes[v], 1)
            assert apart or ends[w] < begins[v] or ends[v] < begins[w]
    assert total <= sum(-(-max(s, 1) // ALIGN) * ALIGN for s in sizes.values())


def test_a_chain_needs_two_places():
    touched = [([i - 1] if i else [], [i]) for i in range(100)]
    offsets, total = arrange(touched, dict.fromkeys(range(100), 64))
    assert total == 128


def test_what_has_no_size_gets_no_place():
    assert arrange([([], ["out"]), (["out"], ["t"])], {"t": 8}) == ({"t": 0}, 64)


def test_the_place_at_the_end_grows():
    """A value that is larger than each free place begins in the last one, if that lies at the arena's end."""
    touched = [([], ["kept"]), ([], ["small"]), ([], ["large"]), (["kept"], [])]
    assert arrange(touched, {"kept": 64, "small": 128, "large": 320}) == ({"kept": 0, "small": 64, "large": 64}, 384)
    touched = [([], ["small"]), ([], ["kept"]), (["kept"], ["large"])]
    assert arrange(touched, {"kept": 64, "small": 128, "large": 320}) == ({"small": 0, "kept": 0, "large": 64}, 384)
