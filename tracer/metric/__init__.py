"""`mx.metric`: measures of predictions over the batches of an epoch, as MXNet 1.9.1 has them.

https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/metric/index.html
"""
import math
from collections import OrderedDict

import numpy

from .. import ndarray, registry
from ..base import numeric_types, string_types
from .binary import F1, MCC
from .classification import Accuracy, TopKAccuracy
from .composition import CompositeEvalMetric, CustomMetric, create, np
from .correlation import PCC, PearsonCorrelation
from .evaluation import EvalMetric, alias, check_label_shapes, register
from .likelihood import CrossEntropy, NegativeLogLikelihood, Perplexity
from .losses import Caffe, Loss, Torch
from .regression import MAE, MSE, RMSE

__all__ = ["Accuracy", "Caffe", "CompositeEvalMetric", "CrossEntropy", "CustomMetric", "EvalMetric", "F1", "Loss",
           "MAE", "MCC", "MSE", "NegativeLogLikelihood", "OrderedDict", "PCC", "PearsonCorrelation", "Perplexity",
           "RMSE", "TopKAccuracy", "Torch", "alias", "check_label_shapes", "create", "math", "ndarray", "np", "numpy",
           "numeric_types", "register", "registry", "string_types"]
