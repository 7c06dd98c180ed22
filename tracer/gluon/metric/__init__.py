"""`mx.gluon.metric`: measures of predictions over the batches of an epoch, as MXNet 2.0 has them.

Those that equal MXNet 1.9.1's are tracer/metric's, with the sums of 2.0: arrays, and no separate global ones.
"""
import math
from collections import OrderedDict

from ... import ndarray, numpy, registry
from ... import numpy_extension as npx
from ...base import numeric_types, string_types
from ...util import use_np
from .classification import Accuracy, BinaryAccuracy, TopKAccuracy, one_hot, predict_with_threshold
from .composition import CompositeEvalMetric, CustomMetric, create, np
from .correlation import PCC, PearsonCorrelation
from .distance import MAE, MSE, RMSE, MeanCosineSimilarity, MeanPairwiseDistance
from .evaluation import EvalMetric, alias, check_label_shapes, register
from .fscore import F1, MCC, Fbeta
from .likelihood import CrossEntropy, Perplexity
from .losses import Loss, Torch

__all__ = ["Accuracy", "BinaryAccuracy", "CompositeEvalMetric", "CrossEntropy", "CustomMetric", "EvalMetric", "F1",
           "Fbeta", "Loss", "MAE", "MCC", "MSE", "MeanCosineSimilarity", "MeanPairwiseDistance", "OrderedDict", "PCC",
           "PearsonCorrelation", "Perplexity", "RMSE", "TopKAccuracy", "Torch", "alias", "check_label_shapes",
           "create", "math", "ndarray", "np", "npx", "numeric_types", "numpy", "one_hot", "predict_with_threshold",
           "register", "registry", "string_types", "use_np"]
