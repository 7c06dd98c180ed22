"""`mx.gluon.loss`: blocks that compare predictions with labels, one number for each sample of a batch."""
from .classification import (
    KLDivLoss,
    SigmoidBCELoss,
    SigmoidBinaryCrossEntropyLoss,
    SoftmaxCELoss,
    SoftmaxCrossEntropyLoss,
)
from .ctc import CTCLoss
from .loss import Loss
from .loss import _apply_weighting as _apply_weighting
from .loss import _reshape_like as _reshape_like
from .margins import HingeLoss, LogisticLoss, SquaredHingeLoss
from .regression import HuberLoss, L1Loss, L2Loss, PoissonNLLLoss
from .similarity import CosineEmbeddingLoss, SDMLLoss, TripletLoss

__all__ = ["Loss", "L2Loss", "L1Loss", "SigmoidBinaryCrossEntropyLoss", "SigmoidBCELoss", "SoftmaxCrossEntropyLoss",
           "SoftmaxCELoss", "KLDivLoss", "CTCLoss", "HuberLoss", "HingeLoss", "SquaredHingeLoss", "LogisticLoss",
           "TripletLoss", "PoissonNLLLoss", "CosineEmbeddingLoss", "SDMLLoss"]
