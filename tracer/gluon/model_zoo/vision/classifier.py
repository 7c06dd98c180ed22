"""The base of the networks for images, and the loading of their published parameters."""
from __future__ import annotations

from typing import Any, TypeVar

from ....context import cpu
from ...hybrid_block import HybridBlock
from ..model_store import get_model_file

#: The default device of loaded parameters.
CPU = cpu()

_Net = TypeVar("_Net", bound=HybridBlock)


class Classifier(HybridBlock):
    """A network of two parts, its attributes `features` and `output`: the second takes the result of the first."""

    features: Any
    output: Any

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """The scores of the classes, (batch, classes), of images (batch, channels, height, width)."""
        return self.output(self.features(x))


def with_parameters(net: _Net, pretrained: bool, name: str, root: str, device: Any) -> _Net:
    """The network; if `pretrained`, after its parameters have been read from the file of `name` in the folder `root`.

    device: the device of the parameters, or a list of devices.
    """
    if pretrained:
        net.load_parameters(get_model_file(name, root=root), ctx=device)
    return net
