"""`mx.gluon.data.vision.transforms`: blocks that change pictures, and blocks of these."""
from __future__ import annotations

import random
from typing import Any

from ..... import generation
from ....hybrid_block import HybridBlock
from ....nn import HybridSequential, Sequential
from .image import *  # noqa: F403
from .image import __all__ as _of_pictures
from .image import _append_return
from .spaces import chosen

__all__ = ["Cast", "Compose", "HybridCompose", "HybridRandomApply", "RandomApply", *_of_pictures]


class Compose(Sequential):
    """Several transforms, one after the other. Neighbours that can be hybridized are, together.

    transforms: a list of blocks, to which None is appended, as in MXNet.

    >>> from tracer import nd
    >>> both = Compose([Cast("float32"), ToTensor()])
    >>> both(nd.ones((4, 6, 3), dtype="uint8")).shape
    (3, 4, 6)
    """

    def __init__(self, transforms: list[Any]) -> None:
        super().__init__()
        transforms.append(None)
        hybrid: list[Any] = []
        for one in transforms:
            if isinstance(one, HybridBlock) and not getattr(one, "_draws_in_python", False):
                hybrid.append(one)
                continue
            if len(hybrid) == 1:
                self.add(hybrid[0])
            elif hybrid:
                together = HybridSequential()
                together.add(*hybrid)
                together.hybridize()
                self.add(together)
            hybrid = []
            if one is not None:
                self.add(one)


class HybridCompose(HybridSequential):
    """Several transforms, one after the other, hybridized.

    transforms: a list of hybrid blocks; ValueError for another.
    """

    def __init__(self, transforms: list[Any]) -> None:
        super().__init__()
        for one in transforms:
            if not isinstance(one, HybridBlock):
                raise ValueError(f"{one} is not a HybridBlock, try use `Compose` instead")
            self.add(one)
        self.hybridize()


class Cast(HybridBlock):
    """A cast to another dtype.

    dtype: its name.

    >>> from tracer import nd
    >>> Cast("int32")(nd.ones((2,))).dtype
    <class 'numpy.int32'>
    """

    _takes_batches = True

    def __init__(self, dtype: str = "float32") -> None:
        super().__init__()
        self._dtype = dtype

    def forward(self, *args: Any) -> Any:
        """The cast; in MXNet 2 those of all arguments, as a tuple."""
        made = tuple([x.astype(self._dtype) for x in args])
        return made if generation.is_2() or len(made) > 1 else made[0]


class RandomApply(Sequential):
    """Transforms that are applied at random; the draw is from Python's generator.

    transforms: a block.
    p: the probability.
    """

    def __init__(self, transforms: Any, p: float = 0.5) -> None:
        super().__init__()
        self.transforms = transforms
        self.p = p

    def forward(self, x: Any, *args: Any) -> Any:
        """The transformed picture, or the picture."""
        return x if self.p < random.random() else _append_return(self.transforms(x), *args)


class HybridRandomApply(HybridSequential):
    """Transforms that are applied at random; the draw is from MXNet's generator.

    transforms: a hybrid block that keeps the shape; AssertionError for another block.
    p: the probability.
    """

    def __init__(self, transforms: Any, p: float = 0.5) -> None:
        super().__init__()
        assert isinstance(transforms, HybridBlock)
        self.transforms = transforms
        self.p = p

    def hybrid_forward(self, F: Any, x: Any, *args: Any) -> Any:
        """The transformed picture, or the picture."""
        return _append_return(chosen(F, self.p, self.transforms(x), x), *args)
