"""`Trainer`: it updates parameters by an optimizer after each backward."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from .. import optimizer as opt
from ..context import Context
from ..generation import is_2
from ..gradient_stores import _create_kvstore, _create_sparse_kvstore
from ..kvstore import KVStore
from ..whole_files import replacing
from .parameter import Parameter
from .structure import STRUCTURE


class Trained(NamedTuple):
    """The parameters that are trained on one context: their numbers, arrays and gradients."""

    indices: Sequence[int]
    weights: Sequence[Any]
    gradients: Sequence[Any]


class Trainer:
    """An optimizer with the parameters that it updates.

    params: a `ParameterDict` or another dictionary, or a list, of parameters.
    optimizer: an `Optimizer` or the name of one.
    optimizer_params: keywords of the optimizer's class, such as {"learning_rate": 0.1}.
    kvstore: the store that adds up the gradients of several contexts: its kind ("local", "device"), one, or None.
    compression_params: not supported: NotImplementedError.
    update_on_kvstore: whether the store updates the parameters; None: whether there are several contexts.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/gluon/trainer.html

    >>> from tracer import autograd, gluon, nd
    >>> net = gluon.nn.Dense(1, in_units=2, weight_initializer="ones")
    >>> net.initialize()
    >>> trainer = Trainer(net.collect_params(), "sgd", {"learning_rate": 0.5})
    >>> with autograd.record():
    ...     loss = net(nd.array([[1, 2]]))
    >>> loss.backward()
    >>> trainer.step(batch_size=1)
    >>> net.weight.data().asnumpy().tolist()
    [[0.5, 0.0]]
    """

    def __init__(self, params: Any, optimizer: Any, optimizer_params: dict[str, Any] | None = None,
                 kvstore: Any = "device", compression_params: Any = None,
                 update_on_kvstore: bool | None = None) -> None:
        if isinstance(params, dict):
            params = [params[name] for name in sorted(params)]
        if not isinstance(params, (list, tuple)):
            raise ValueError(f"First argument must be a list or dict of Parameters, got {type(params)}.")
        for param in params:
            if not isinstance(param, Parameter):
                raise ValueError(f"First argument must be a list or dict of Parameters, got list of {type(param)}.")
        if compression_params:
            raise NotImplementedError("Trainer(compression_params=...): gradients are not compressed")
        if is_2():  # a shared parameter has a name for each place
            params = list({param._uuid: param for param in params}.values())
        self._params: list[Parameter] = list(params)
        self._param2idx = {_key(param): i for i, param in enumerate(params)}
        self._contains_sparse_weight = any([param._stype != "default" for param in params])
        self._contains_sparse_grad = any([param._grad_stype != "default" for param in params])
        for param in params:
            param._set_trainer(self)
        self._compression_params = compression_params
        self._contexts = self._check_contexts()
        self._init_optimizer(optimizer, optimizer_params or {})
        self._scale = self._optimizer.rescale_grad
        self._collected: tuple[int, list[Trained]] | None = None
        self._kvstore_params = {"kvstore": kvstore, "update_on_kvstore": update_on_kvstore}
        self._reset_kvstore()

    def _check_contexts(self) -> list[Context]:
        contexts: list[Context] | None = None
        for param in self._params:
            ctx = param.list_ctx()
            assert contexts is None or contexts == ctx, (
                "All Parameters must be initialized on the same set of contexts, but Parameter "
                f"{param.name} is initialized on {ctx} while previous Parameters are initialized on {contexts}.")
            contexts = ctx
        return contexts or []

    def _init_optimizer(self, optimizer: Any, optimizer_params: dict[str, Any]) -> None:
        param_dict = dict(enumerate(self._params))
        if isinstance(optimizer, opt.Optimizer):
            assert not optimizer_params, \
                "optimizer_params must be None if optimizer is an instance of Optimizer instead of str"
            self._optimizer = optimizer
            self._optimizer.param_dict = param_dict
        else:
            self._optimizer = opt.create(optimizer, param_dict=param_dict, **optimizer_params)
        self._updaters = [opt.get_updater(self._optimizer) for _ in self._contexts]

    # ---- the store -------------------------------------------------------------------------------

    def _reset_kvstore(self) -> None:
        self._kv_initialized = False
        self._kvstore: Any = None
        self._distributed: bool | None = None
        self._update_on_kvstore: bool | None = None
        self._params_to_init = list(self._params)

    def _init_kvstore(self) -> None:
        """Make the store, if several contexts need one."""
        kvstore, update_on_kvstore = self._chosen_store()
        self._distributed = bool(kvstore) and "dist" in kvstore.type
        if kvstore:
            if update_on_kvstore:
                kvstore.set_optimizer(self._optimizer)
            self._kvstore = kvstore
            self._update_on_kvstore = update_on_kvstore
        self._kv_initialized = True

    def _chosen_store(self) -> tuple[Any, bool]:
        """The store, or None, and whether it updates the parameters. ValueError for settings that do not fit.

        A store with row_sparse parameters updates them. One with row_sparse gradients of dense parameters does not,
        unless that is asked for.
        """
        given, wanted = self._kvstore_params["kvstore"], self._kvstore_params["update_on_kvstore"]
        if self._contains_sparse_weight:
            if wanted is False:
                raise ValueError("Cannot set update_on_kvstore=False when sparse weights are present.")
            return _create_sparse_kvstore(given)
        first = self._contexts[0] if self._contexts else None
        arrays = {_key(param): param.data(first) for param in self._params}
        kvstore, update = _create_kvstore(given, len(self._contexts), arrays)
        if self._contains_sparse_grad:
            if kvstore is not None and not isinstance(kvstore, KVStore):
                raise ValueError(f"Cannot use {type(kvstore)} for multi-device training with sparse gradients")
            return kvstore, bool(wanted)
        update = update if wanted is None else wanted
        if kvstore and update and not kvstore.is_capable("optimizer"):
            if wanted:
                raise ValueError(f"Please set update_on_kvstore=False when training with {type(kvstore)}")
            update = False
        return kvstore, update

    def _init_params(self) -> None:
        """Put the parameters that are initialized into the store."""
        assert self._kv_initialized, "Cannot initialize parameters in KVStore when KVStore is not initialized."
        waiting = []
        for param in self._params_to_init if self._kvstore else ():
            if param._deferred_init:
                waiting.append(param)
            else:
                arrays, number = param._check_and_get(param._data, list), self._param2idx[_key(param)]
                if param._stype == "default":
                    self._kvstore.broadcast(number, arrays[0], arrays)
                else:
                    self._kvstore.init(number, arrays[0])
        self._params_to_init = waiting

    def _ready(self) -> None:
        if not self._kv_initialized:
            self._init_kvstore()
        if self._params_to_init:
            self._init_params()

    def _parameter_written(self, param: Parameter) -> None:
        """Note that a parameter has been set, so that the store's copy is set too."""
        if self._kv_initialized and self._update_on_kvstore and param not in self._params_to_init:
            self._reset_kvstore()

    def _row_sparse_pull(self, parameter: Parameter, out: Any, row_id: Any, full_idx: bool = False) -> None:
        """Write rows of a sparse parameter, from the store, into the arrays `out`.

        row_id: the numbers of the rows.
        full_idx: whether these are all rows.
        """
        self._ready()
        number = self._param2idx[_key(parameter)]
        if full_idx:
            assert row_id.size == out.shape[0]
            self._kvstore.pull(number, out=out, priority=-number, ignore_sparse=False)
        else:
            self._kvstore.row_sparse_pull(number, out=out, row_ids=row_id, priority=-number)

    def _check_without_store(self, name: str) -> None:
        assert not (self._kvstore and self._update_on_kvstore), (
            f"{name} when parameters are updated on kvstore is not supported. Try setting `update_on_kvstore` to False "
            "when creating trainer.")

    # ---- the learning rate -----------------------------------------------------------------------

    @property
    def learning_rate(self) -> float:
        """The optimizer's present learning rate."""
        return self._optimizer.learning_rate

    @property
    def optimizer(self) -> Any:
        """The optimizer."""
        return self._optimizer

    def set_learning_rate(self, lr: float) -> None:
        """Set the learning rate. UserWarning, raised, if a scheduler sets it."""
        self._optimizer.set_learning_rate(lr)

    # ---- steps -----------------------------------------------------------------------------------

    def _check_and_rescale_grad(self, scale: float) -> None:
        """Set the factor of the gradients. UserWarning, raised, if a distributed store has another one already."""
        if self._distributed and self._update_on_kvstore and self._kv_initialized and \
                self._optimizer.rescale_grad != scale:
            raise UserWarning(f"The batch size has changed since the last step: a distributed store that updates the "
                              f"parameters keeps its factor {self._optimizer.rescale_grad} of the gradients. Use "
                              "update_on_kvstore=False")
        self._optimizer.rescale_grad = scale

    def step(self, batch_size: float, ignore_stale_grad: bool = False) -> None:
        """Add up the gradients of all contexts, and update the parameters.

        batch_size: the number by which the gradients are divided.
        ignore_stale_grad: whether parameters without a new gradient are left out (UserWarning, raised, otherwise).
        """
        self._check_and_rescale_grad(self._scale / batch_size)
        if not self._kv_initialized or self._params_to_init:
            self._ready()
        if self._kvstore:
            self._allreduce_grads()
        self._update(ignore_stale_grad)

    def allreduce_grads(self) -> None:
        """Add up the gradients of all contexts; `update` then updates the parameters.

        AssertionError if the store updates the parameters.
        """
        self._ready()
        self._check_without_store("allreduce_grads()")
        self._allreduce_grads()

    def _allreduce_grads(self) -> None:
        if not self._kvstore:
            return
        for i, param in enumerate(self._params):
            if param.grad_req == "null":
                continue
            if param._grad_stype != "default":
                self._kvstore.push(i, param.list_grad(), priority=-i)
                if param._stype == "default":
                    out = param.list_data() if self._update_on_kvstore else param.list_grad()
                    self._kvstore.pull(i, out, priority=-i, ignore_sparse=False)
            elif param._stype != "default":
                self._kvstore.push(i, param.list_grad(), priority=-i)
            else:
                if self._update_on_kvstore:
                    self._kvstore.pushpull(i, param.list_grad(), out=param.list_data(), priority=-i)
                else:
                    self._kvstore.pushpull(i, param.list_grad(), priority=-i)

    def update(self, batch_size: float, ignore_stale_grad: bool = False) -> None:
        """Update the parameters, after `allreduce_grads`. Arguments as of `step`.

        AssertionError if the store updates the parameters.
        """
        self._ready()
        self._check_without_store("update()")
        self._check_and_rescale_grad(self._scale / batch_size)
        self._update(ignore_stale_grad)

    def _update(self, ignore_stale_grad: bool = False) -> None:
        scaler = getattr(self, "_amp_loss_scaler", None)
        if scaler is not None and scaler.has_overflow(self._params):
            return
        with_store = self._kvstore and self._update_on_kvstore
        for updater, trained in zip(self._updaters, self._trained()):
            indices, weights, gradients = trained
            if all_fresh(weights):
                pass
            elif ignore_stale_grad:
                fresh = [i for i, x in enumerate(weights) if x._variable.fresh]
                indices, weights, gradients = (tuple([one[i] for i in fresh]) for one in trained)
            else:
                stale = [x._variable.fresh for x in weights].index(False)
                raise _stale(self._params[trained.indices[stale]], trained.weights[stale])
            if with_store:
                continue  # the store has updated all: as in MXNet, no flag is reset
            use(trained.weights)
            if indices:
                updater(indices, gradients, weights)

    def _trained(self) -> list[Trained]:
        """The parameters with gradients, for each context; collected anew when a parameter's arrays change."""
        if self._collected is None or self._collected[0] != STRUCTURE.changes:
            params = [(i, p) for i, p in enumerate(self._params) if p.grad_req != "null"]
            pairs = [(p._check_and_get(p._data, list), p.list_grad()) for _, p in params]
            indices = tuple([i for i, _ in params])
            made = [Trained(indices, tuple([arrays[k] for arrays, _ in pairs]), tuple([grads[k] for _, grads in pairs]))
                    for k in range(len(self._updaters))]
            self._collected = STRUCTURE.changes, made
        return self._collected[1]

    # ---- states ----------------------------------------------------------------------------------

    def save_states(self, fname: str) -> None:
        """Write the optimizer and its states to a file, which real MXNet reads too."""
        self._ready()
        if self._update_on_kvstore:
            assert not self._params_to_init, \
                "Cannot save trainer states when some parameters are not yet initialized in kvstore."
            self._kvstore.save_optimizer_states(fname, dump_optimizer=True)
            return
        with replacing(fname) as file:
            file.write(self._updaters[0].get_states(dump_optimizer=True))

    def load_states(self, fname: str) -> None:
        """Read the optimizer and its states from a file."""
        self._ready()
        if self._update_on_kvstore:
            self._kvstore.load_optimizer_states(fname)
            self._optimizer = self._kvstore._updater.optimizer
        else:
            with open(fname, "rb") as file:
                states = file.read()
            for updater in self._updaters:
                updater.set_states(states)
                updater.optimizer = self._updaters[0].optimizer
            self._optimizer = self._updaters[0].optimizer
        self._optimizer.param_dict = dict(enumerate(self._params))


def all_fresh(weights: Sequence[Any]) -> bool:
    """Whether a backward has written the gradients of all these arrays since the last update."""
    for weight in weights:
        if not weight._variable.fresh:
            return False
    return True


def use(weights: Sequence[Any]) -> None:
    """Note that the gradients of these arrays are used by an update."""
    for weight in weights:
        weight._variable.fresh = False


def _key(param: Parameter) -> str:
    """A parameter's own key: in MXNet 2 many have the same name."""
    return param._uuid if is_2() else param.name


def _stale(param: Parameter, array: Any) -> UserWarning:
    return UserWarning(
        f"Gradient of Parameter `{param.name}` on context {array.context} has not been updated by backward since last "
        "`step`. This could mean a bug in your model that made it only use a subset of the Parameters (Blocks) for "
        "this iteration. If you are intentionally only using a subset, call step with ignore_stale_grad=True to "
        "suppress this warning and skip updating of Parameters with stale gradient")
