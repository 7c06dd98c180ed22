"""`mx.optimizer.optimizer`: all optimizers under the name of the one file in which MXNet 1.9.1 has them."""
from .adagrad import AdaDelta, AdaGrad, RMSProp
from .adam import AdaBelief, Adam, Adamax, AdamW, Nadam
from .base import Optimizer, create, register
from .ftrl import FTML, Ftrl
from .lamb import LAMB, LANS
from .lars import LARS, LBSGD
from .newer_arguments import adapt
from .rule_optimizer import nd
from .sgd import DCASGD, NAG, SGD, SGLD, Signum, Test, ccSGD
from .updater import Updater, get_updater

adapt(globals())
NDabs = nd.abs

__all__ = [
    "AdaBelief", "AdaDelta", "AdaGrad", "Adam", "Adamax", "AdamW", "ccSGD", "create", "DCASGD", "Ftrl", "FTML",
    "get_updater", "LAMB", "LANS", "LARS", "LBSGD", "Nadam", "NAG", "NDabs", "Optimizer", "register", "RMSProp", "SGD",
    "SGLD", "Signum", "Test", "Updater",
]
