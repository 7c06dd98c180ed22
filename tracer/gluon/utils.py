"""`mx.gluon.utils`: batches for several contexts, gradient clipping, and files from the network."""
from __future__ import annotations

import collections
import hashlib
import os
import ssl
import uuid
import warnings
import weakref
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import numpy as np

from tracer.ops.npx.recurrent import GATES, Sizes

from .. import ndarray as mx_nd
from .. import numpy as mx_np
from ..array.nd_array import NDArray
from ..array.np_array import ndarray
from ..context import Context
from ..numpy_extension.mode import is_np_array, is_np_shape

__all__ = ["split_data", "split_and_load", "clip_global_norm", "check_sha1", "download", "replace_file",
           "split_rnn_params"]

nd: Any = mx_nd  # its functions are generated

_CHUNK = 1 << 20  # bytes


def split_data(data: Any, num_slice: int, batch_axis: int = 0, even_split: bool = True) -> list[Any]:
    """A batch in `num_slice` parts along an axis, the first ones larger by one where it does not divide evenly.

    even_split: whether an uneven division raises ValueError.

    >>> from tracer import nd
    >>> [part.shape for part in split_data(nd.ones((5, 2)), 2, even_split=False)]
    [(3, 2), (2, 2)]
    """
    size = data.shape[batch_axis]
    if even_split and size % num_slice != 0:
        raise ValueError(f"data with shape {data.shape} cannot be evenly split into {num_slice} slices along axis "
                         f"{batch_axis}. Use a batch size that's multiple of {num_slice} or set even_split=False to "
                         "allow uneven partitioning of data.")
    each, extra = divmod(size, num_slice)
    ends = [each * i + min(i, extra) for i in range(num_slice + 1)]
    if is_np_array() or isinstance(data, ndarray):
        return list(mx_np.split(data, ends[1:-1], axis=batch_axis))
    if batch_axis != 0:
        return [nd.slice_axis(data, axis=batch_axis, begin=a, end=b) for a, b in zip(ends, ends[1:])]
    return [data[a:b] for a, b in zip(ends, ends[1:])]


def split_and_load(data: Any, ctx_list: Sequence[Context] | None = None, batch_axis: int = 0, even_split: bool = True,
                   device_list: Sequence[Context] | None = None) -> list[Any]:
    """A batch in as many parts as there are contexts, each on its context.

    data: an array, or something to make one of.
    ctx_list: the contexts; MXNet 2's development versions call them `device_list`.
    batch_axis, even_split: as in `split_data`.

    >>> from tracer import cpu, nd
    >>> [part.context for part in split_and_load(nd.ones((4, 2)), [cpu(0), cpu(1)])]
    [cpu(0), cpu(1)]
    """
    contexts = device_list if ctx_list is None else ctx_list
    if contexts is None:
        raise TypeError("split_and_load() missing 1 required positional argument: 'ctx_list'")
    if not isinstance(data, NDArray):
        data = (mx_np if is_np_array() else nd).array(data, ctx=contexts[0])
    if len(contexts) == 1:
        return [data.as_in_context(contexts[0])]
    return [part.as_in_context(ctx) for part, ctx in zip(split_data(data, len(contexts), batch_axis, even_split),
                                                         contexts)]


def clip_global_norm(arrays: Sequence[Any], max_norm: float, check_isfinite: bool = True) -> Any:
    """Scale arrays in place so that the norm of all their elements is at most `max_norm`; returns the norm before.

    check_isfinite: whether the norm is read and returned as a number, with a UserWarning if it is not finite. False:
        nothing is read, and the norm is an array of shape (1,).

    AssertionError if there are no arrays.

    >>> from tracer import nd
    >>> gradient = nd.array([3, 4])
    >>> float(clip_global_norm([gradient], 1.0))
    5.0
    >>> gradient
    <BLANKLINE>
    [0.6 0.8]
    <NDArray 2 @cpu(0)>
    """
    assert len(arrays) > 0, "clip_global_norm requires at least one array"
    context = arrays[0].context
    if isinstance(arrays[0], ndarray):
        squares = [mx_np.square(x).sum().reshape((1,)).as_in_context(context) for x in arrays]
        total = squares[0]
        for square in squares[1:]:
            total = total + square
        norm = mx_np.sqrt(total)
        scale = mx_np.minimum(max_norm / (norm + 1e-8), 1.0).reshape(())
    else:
        norm = nd.sqrt(nd.add_n(*[_square_of_norm(x).as_in_context(context) for x in arrays]))
        scale = nd.minimum(max_norm / (norm + 1e-8), 1.0)
    scales = {context: scale}
    for x in arrays:
        here = x.context
        if here not in scales:
            scales[here] = scale.as_in_context(here)
        x *= scales[here]
    if not check_isfinite:
        return norm
    found = norm.item() if isinstance(norm, ndarray) else norm.asscalar()  # runs the scaling, too
    if not np.isfinite(found):
        warnings.warn(UserWarning("nan or inf is detected. Clipping results will be undefined."), stacklevel=2)
    return found


def split_rnn_params(param: Any, mode: str, num_layers: int, input_size: int, hidden_size: int,
                     bidirectional: bool = False, projection_size: int | None = None) -> dict[str, Any]:
    """The weights and biases in the parameter vector of a recurrent layer, by names such as `l0_i2h_weight`.

    param: the vector.
    mode: "rnn_relu", "rnn_tanh", "lstm" or "gru".
    num_layers, input_size, hidden_size, bidirectional, projection_size: those of the layer.

    >>> from tracer import np
    >>> [*split_rnn_params(np.arange(16), "rnn_tanh", 1, 2, 2).items()][1]
    ('l0_h2h_weight', array([[4., 5.],
           [6., 7.]]))
    """
    sizes = Sizes(input_size, hidden_size, GATES[mode], num_layers, 2 if bidirectional else 1, projection_size or None)
    weights = ("i2h_weight", "h2h_weight", "h2r_weight") if projection_size else ("i2h_weight", "h2h_weight")
    names = [f"{side}{layer}_{part}" for parts in (weights, ("i2h_bias", "h2h_bias")) for layer in range(num_layers)
             for side in ("lr" if bidirectional else "l") for part in parts]
    found, begin = {}, 0
    for name, shape in zip(names, [*sizes.weights(), *[(n,) for n in sizes.biases()]]):
        end = begin + int(np.prod(shape))
        found[name] = param[begin:end].reshape(shape)
        begin = end
    return found


def _square_of_norm(x: Any) -> Any:
    """The sum of the squares of an array's elements, of shape (1,)."""
    if x.stype != "default":
        return x.norm().square()
    flat = x.reshape((-1,))
    return nd.dot(flat, flat)


def _indent(s_: str, numSpaces: int) -> str:
    """A text whose lines after the first are indented."""
    return s_.replace("\n", "\n" + numSpaces * " ")


def check_sha1(filename: str, sha1_hash: str) -> bool:
    """Whether the SHA-1 of a file's contents is `sha1_hash`, in lower-case hexadecimal digits."""
    sha1 = hashlib.sha1()
    with open(filename, "rb") as file:
        while chunk := file.read(_CHUNK):
            sha1.update(chunk)
    return sha1.hexdigest() == sha1_hash


def replace_file(src: str, dst: str) -> None:
    """Move a file onto another in one step. OSError if that fails; `src` is then removed."""
    try:
        os.replace(src, dst)
    except OSError as error:
        if os.path.exists(src):
            os.remove(src)
        raise OSError(f"Moving downloaded temp file - {src}, to {dst} failed: {error}. Please retry the download."
                      ) from error


def download(url: str, path: str | None = None, overwrite: bool = False, sha1_hash: str | None = None,
             retries: int = 5, verify_ssl: bool = True) -> str:
    """The path of a file with the contents at `url`, downloaded unless it is there already.

    path: the file, or the folder for it; None: the current folder, and the last part of the URL.
    overwrite: whether a file that is there is downloaded anew.
    sha1_hash: the SHA-1 of the contents; a file with another one is downloaded anew.
    retries: the number of attempts.
    verify_ssl: whether the server's certificate is verified.

    ConnectionError if the network does not give the file; ValueError for a URL that is not http or https; UserWarning,
    raised, if what was downloaded has another SHA-1.
    """
    name = url.split("/")[-1]
    if path is None:
        assert name, "Can't construct file-name from this URL. Please set the `path` option manually."
        target = name
    else:
        target = os.path.expanduser(path)
        if os.path.isdir(target):
            target = os.path.join(target, name)
    assert retries >= 0, f"Number of retries should be at least 0, currently it's {retries}"
    if not verify_ssl:
        warnings.warn("Unverified HTTPS request is being made (verify_ssl=False). Adding certificate verification is "
                      "strongly advised.", stacklevel=2)
    if not overwrite and os.path.exists(target) and (not sha1_hash or check_sha1(target, sha1_hash)):
        return target
    if urlsplit(url).scheme not in ("http", "https"):
        raise ValueError(f"download: {url!r} is not an http or https URL; copy a local file with shutil.copy")
    os.makedirs(os.path.dirname(os.path.abspath(target)), exist_ok=True)
    for left in range(max(retries, 1) - 1, -1, -1):
        try:
            print(f"Downloading {target} from {url}...")
            _fetch(url, target, sha1_hash, verify_ssl)
            break
        except (OSError, UserWarning) as error:
            if not left:
                raise
            print(f"download failed due to {error!r}, retrying, {left} attempt{'s' if left > 1 else ''} left")
    return target


def _fetch(url: str, target: str, sha1_hash: str | None, verify_ssl: bool) -> None:
    """One attempt of a download; other processes see the whole file or none."""
    part = f"{target}.{uuid.uuid4()}"
    try:
        with urlopen(url, context=None if verify_ssl else ssl._create_unverified_context()) as response:
            with open(part, "wb") as file:
                while chunk := response.read(_CHUNK):
                    file.write(chunk)
    except HTTPError as error:
        raise ConnectionError(f"Failed downloading url {url}: the server answered {error.code} {error.reason}"
                              ) from None
    except URLError as error:
        raise ConnectionError(f"Failed downloading url {url}: {error.reason}. There may be no network; put the file at "
                              f"{os.path.abspath(target)} and run the script again") from None
    replace_file(part, target)
    if sha1_hash and not check_sha1(target, sha1_hash):
        raise UserWarning(f"File {target} is downloaded but the content hash does not match. The repo may be outdated "
                          'or download may be incomplete. If the "repo_url" is overridden, consider switching to the '
                          "default repo.")


def _get_repo_url() -> str:
    """The base URL of Gluon's data sets and models: that in MXNET_GLUON_REPO, if it is set."""
    url = os.environ.get("MXNET_GLUON_REPO", "https://apache-mxnet.s3-accelerate.dualstack.amazonaws.com/")
    return url if url.endswith("/") else url + "/"


def _get_repo_file_url(namespace: str, filename: str) -> str:
    """The URL of a file of Gluon's data sets and models.

    namespace: its folder.
    """
    return f"{_get_repo_url()}{namespace}/{filename}"


def _brief_print_list(lst: Iterable[Any], limit: int = 7) -> str:
    """The elements in quotation marks; of more than `limit`, the first and the last ones."""
    elements = list(lst)
    if len(elements) > limit:
        return (f"{_brief_print_list(elements[:limit // 2], limit)}, ..., "
                f"{_brief_print_list(elements[-limit // 2:], limit)}")
    return ", ".join([f"'{x}'" for x in elements])


class HookHandle:
    """The handle of a hook in a dictionary of hooks, which it removes; usable as a context manager.

    >>> hooks, handle = collections.OrderedDict(), HookHandle()
    >>> handle.attach(hooks, print)
    >>> with handle:
    ...     print(len(hooks))
    1
    >>> len(hooks)
    0
    """

    def __init__(self) -> None:
        self._hooks_dict_ref: Any = None
        self._id: int | None = None

    def attach(self, hooks_dict: Any, hook: Any) -> None:
        """Add a hook to an `OrderedDict`. AssertionError for a handle that has one."""
        assert not self._hooks_dict_ref, "The same handle cannot be attached twice."
        self._id = id(hook)
        hooks_dict[self._id] = hook
        self._hooks_dict_ref = weakref.ref(hooks_dict)

    def detach(self) -> None:
        """Remove the hook, if it is still there."""
        hooks = self._hooks_dict_ref()
        if hooks is not None:
            hooks.pop(self._id, None)

    def __getstate__(self) -> tuple[Any, int | None]:
        return self._hooks_dict_ref(), self._id

    def __setstate__(self, state: tuple[Any, int | None]) -> None:
        hooks, self._id = state
        self._hooks_dict_ref = weakref.ref(collections.OrderedDict() if hooks is None else hooks)

    def __enter__(self) -> HookHandle:
        return self

    def __exit__(self, ptype: Any, value: Any, trace: Any) -> None:
        self.detach()


def shape_is_known(shape: Sequence[int] | None) -> bool:
    """Whether all sizes of a shape are known: unknown ones are 0, or -1 in np mode. AssertionError for lower ones."""
    if shape is None:
        return False
    unknown = -1 if is_np_shape() else 0
    if len(shape) == 0:
        return unknown == -1
    for size in shape:
        if size == unknown:
            return False
        assert size > unknown, f"shape dimension size cannot be less than {unknown}, while received {size}"
    return True


def _check_all_np_ndarrays(out: Any) -> None:
    """Raise TypeError if an array of `mx.nd` is among the results: in np mode blocks return np's arrays."""
    if isinstance(out, (list, tuple)):
        for x in out:
            _check_all_np_ndarrays(x)
    elif isinstance(out, NDArray) and not isinstance(out, ndarray):
        raise TypeError("Block's output ndarrays/symbols must be of type `mxnet.numpy.ndarray` or "
                        f"`mxnet.symbol.numpy._Symbol`, while got output type {type(out)}")
