"""`mx.contrib.text.embedding`: vectors of tokens, read from files of text."""
from __future__ import annotations

import logging
import os
import tarfile
import warnings
import zipfile
from array import array
from collections.abc import Callable
from typing import Any

import numpy as np

from ... import ndarray as nd
from ... import numpy as mx_np
from ... import numpy_extension as npx
from ... import registry
from ...base import data_dir
from ...gluon.utils import check_sha1, download
from ...numpy_extension.mode import is_np_array
from . import _constants as C
from .vocab import Vocabulary

__all__ = ["CompositeEmbedding", "CustomEmbedding", "FastText", "GloVe", "create", "get_pretrained_file_names",
           "register"]


def _array(values: Any) -> nd.NDArray:
    return mx_np.array(values) if is_np_array() else nd.array(values)


def register(embedding_cls: type) -> type:
    """Register a class of token embeddings under its name, for `create`."""
    return registry.get_register_func(_TokenEmbedding, "token embedding")(embedding_cls)


def create(embedding_name: str, **kwargs: Any) -> _TokenEmbedding:
    """A token embedding of a registered class. Case does not matter; the keywords are those of the class."""
    return registry.get_create_func(_TokenEmbedding, "token embedding")(embedding_name, **kwargs)


def get_pretrained_file_names(embedding_name: str | None = None) -> Any:
    """The names of the published files of one embedding; None: of all, by the embeddings' names.

    KeyError for a name that is not registered.

    >>> get_pretrained_file_names("glove")[1]
    'glove.6B.50d.txt'
    """
    known = registry.get_registry(_TokenEmbedding)
    if embedding_name is None:
        return {name: list(kind.pretrained_file_name_sha1) for name, kind in known.items()}  # type: ignore[attr-defined]
    if embedding_name not in known:
        raise KeyError(f"There is no embedding {embedding_name!r}; there are {', '.join(known)}")
    return list(known[embedding_name].pretrained_file_name_sha1)  # type: ignore[attr-defined]


class _TokenEmbedding(Vocabulary):
    """A vocabulary whose tokens have vectors; a subclass loads them.

    The vector of index 0 is the one that the file has for the unknown token, else what `init_unknown_vec` gives.
    """

    #: The SHA-1 of the published files by their names.
    pretrained_file_name_sha1: dict[str, str] = {}

    _vec_len: int
    _idx_to_vec: nd.NDArray

    @classmethod
    def _get_download_file_name(cls, pretrained_file_name: str) -> str:
        """The name of the file to download, in which a published one is."""
        return pretrained_file_name

    @classmethod
    def _get_pretrained_file_url(cls, pretrained_file_name: str) -> str:
        site = os.environ.get("MXNET_GLUON_REPO", C.APACHE_REPO_URL)
        return f"{site}gluon/embeddings/{cls.__name__.lower()}/{cls._get_download_file_name(pretrained_file_name)}"

    @classmethod
    def _get_pretrained_file(cls, embedding_root: str, pretrained_file_name: str) -> str:
        """The path of a published file, which is downloaded and unpacked unless it is there."""
        folder = os.path.join(os.path.expanduser(embedding_root), cls.__name__.lower())
        path = os.path.join(folder, pretrained_file_name)
        sha1 = cls.pretrained_file_name_sha1[pretrained_file_name]
        if os.path.exists(path) and check_sha1(path, sha1):
            return path
        url = cls._get_pretrained_file_url(pretrained_file_name)
        name = os.path.basename(url)
        archive = os.path.join(folder, name)
        archives = getattr(cls, "pretrained_archive_name_sha1", None)
        download(url, archive, sha1_hash=sha1 if archives is None else archives[name])
        if name.endswith(".zip"):
            with zipfile.ZipFile(archive) as packed:
                packed.extractall(folder)
        elif name.endswith(".gz"):
            with tarfile.open(archive, "r:gz") as packed_tar:
                packed_tar.extractall(folder, filter="data")
        return path

    @classmethod
    def _check_pretrained_file_names(cls, pretrained_file_name: str) -> None:
        """Raise KeyError for the name of a file that is not published."""
        if pretrained_file_name not in cls.pretrained_file_name_sha1:
            raise KeyError(f"Cannot find pretrained file {pretrained_file_name} for token embedding "
                           f"{cls.__name__.lower()}; there are {', '.join(cls.pretrained_file_name_sha1)}")

    def _load_embedding(self, pretrained_file_path: str, elem_delim: str, init_unknown_vec: Callable[..., Any],
                        encoding: str = "utf8") -> None:
        """Add the tokens and vectors of a file: in each line a token and its numbers, with `elem_delim` between.

        UserWarning for lines that are left out: with a token seen before, or with one number only, as headers have.
        ValueError if there is no file; AssertionError for a line without numbers, and for vectors of different lengths.
        """
        path = os.path.expanduser(pretrained_file_path)
        if not os.path.isfile(path):
            raise ValueError(f"`pretrained_file_path` must be a valid path to the pre-trained token embedding file; "
                             f"there is no file {path}")
        logging.info("Loading pre-trained token embedding vectors from %s", path)
        numbers = array("f")  # the published files have up to 660 million
        count = 0
        unknown: list[float] | None = None
        seen: set[str] = set()
        with open(path, encoding=encoding) as file:
            for at, line in enumerate(file, 1):
                token, *texts = line.rstrip().split(elem_delim)
                assert texts, f"{path}, line {at}: a token and its numbers wanted, got {line.rstrip()!r}"
                row = [float(text) for text in texts]
                if token == self.unknown_token and unknown is None:
                    unknown = row
                    seen.add(token)
                elif token in seen:
                    warnings.warn(f"{path}, line {at}: the token {token} has been loaded already; its second "
                                  "vector is skipped.", stacklevel=2)
                elif len(row) == 1:
                    warnings.warn(f"{path}, line {at}: the token {token} with the 1-dimensional vector {row} is "
                                  "likely a header and is skipped.", stacklevel=2)
                else:
                    count = count or len(row)
                    assert len(row) == count, \
                        f"{path}, line {at}: the vector of {token} has {len(row)} numbers, those before have {count}"
                    numbers.extend(row)
                    seen.add(token)
                    self._idx_to_token.append(token)
                    self._token_to_idx[token] = len(self._idx_to_token) - 1
        if not count:
            raise ValueError(f"there are no vectors in the file {path}")
        self._vec_len = count
        self._idx_to_vec = _array(np.concatenate([np.zeros(count, np.float32), numbers]).reshape(-1, count))
        if unknown is None:
            made = init_unknown_vec(shape=self._vec_len)
            self._idx_to_vec[C.UNKNOWN_IDX] = made.as_np_ndarray() if is_np_array() else made
        else:
            self._idx_to_vec[C.UNKNOWN_IDX] = _array(unknown)

    def _index_tokens_from_vocabulary(self, vocabulary: Vocabulary) -> None:
        """Take the tokens and indices of a vocabulary."""
        self._token_to_idx = vocabulary.token_to_idx.copy()
        self._idx_to_token = vocabulary.idx_to_token[:]
        self._unknown_token = vocabulary.unknown_token
        reserved = vocabulary.reserved_tokens
        self._reserved_tokens = None if reserved is None else reserved[:]

    def _set_idx_to_vec_by_embeddings(self, token_embeddings: list[_TokenEmbedding], vocab_len: int,
                                      vocab_idx_to_token: list) -> None:
        """Set the vectors of a vocabulary's tokens: those that the embeddings have for each, side by side."""
        self._vec_len = sum(embed.vec_len for embed in token_embeddings)
        shape = (vocab_len, self._vec_len)
        vectors = mx_np.zeros(shape) if is_np_array() else nd.zeros(shape)
        start = 0
        for embed in token_embeddings:
            end = start + embed.vec_len
            vectors[0, start:end] = embed.idx_to_vec[0]
            if vocab_len > 1:
                vectors[1:, start:end] = embed.get_vecs_by_tokens(vocab_idx_to_token[1:])
            start = end
        self._idx_to_vec = vectors

    def _build_embedding_for_vocabulary(self, vocabulary: Vocabulary | None) -> None:
        """Keep the tokens of a vocabulary only, with their vectors. AssertionError for what is no Vocabulary."""
        if vocabulary is not None:
            _check_vocabulary(vocabulary)
            self._set_idx_to_vec_by_embeddings([self], len(vocabulary), vocabulary.idx_to_token)
            self._index_tokens_from_vocabulary(vocabulary)

    @property
    def vec_len(self) -> int:
        """The length of the vectors."""
        return self._vec_len

    @property
    def idx_to_vec(self) -> nd.NDArray:
        """The vectors of all tokens, in rows."""
        return self._idx_to_vec

    def get_vecs_by_tokens(self, tokens: Any, lower_case_backup: bool = False) -> nd.NDArray:
        """The vector of a token, or those of a list of tokens in rows; the unknown token's for tokens without one.

        lower_case_backup: whether a token that has no index is looked up in lower case, too.
        """
        wanted = tokens if isinstance(tokens, list) else [tokens]
        index = self.token_to_idx
        indices = [index[token] if token in index
                   else index.get(token.lower() if lower_case_backup else token, C.UNKNOWN_IDX) for token in wanted]
        look_up = vars(npx)["embedding"] if is_np_array() else vars(nd)["Embedding"]
        found = look_up(_array(indices), self.idx_to_vec, *self.idx_to_vec.shape)
        return found if isinstance(tokens, list) else found[0]

    def update_token_vectors(self, tokens: Any, new_vectors: nd.NDArray) -> None:
        """Replace the vectors of some tokens.

        tokens: a token or a list of tokens.
        new_vectors: the vectors in rows; for one token also its vector alone.

        ValueError for a token that has no index; AssertionError for vectors of another shape.
        """
        wanted = tokens if isinstance(tokens, list) else [tokens]
        assert isinstance(new_vectors, nd.NDArray), f"`new_vectors` must be an array, got {type(new_vectors).__name__}"
        rows: Any = new_vectors
        if len(wanted) == 1 and rows.ndim == 1:
            rows = rows.reshape((1, -1))
        assert rows.shape == (len(wanted), self.vec_len), \
            f"`new_vectors` must have the shape {(len(wanted), self.vec_len)}, got {rows.shape}"
        for token in wanted:
            if token not in self.token_to_idx:
                raise ValueError(f"Token {token} is unknown. To update the vector of unknown tokens, name it as "
                                 f"{self.idx_to_token[C.UNKNOWN_IDX]}.")
        self._idx_to_vec[_array([self.token_to_idx[token] for token in wanted])] = rows


def _check_vocabulary(vocabulary: Any) -> None:
    assert isinstance(vocabulary, Vocabulary), \
        f"`vocabulary` must be a mxnet.contrib.text.vocab.Vocabulary, got {type(vocabulary).__name__}"


class _Published(_TokenEmbedding):
    """The vectors of a published file, which is downloaded if it is not there."""

    def __init__(self, pretrained_file_name: str, embedding_root: str, init_unknown_vec: Callable[..., Any],
                 vocabulary: Vocabulary | None, **kwargs: Any) -> None:
        self._check_pretrained_file_names(pretrained_file_name)
        super().__init__(**kwargs)
        self._load_embedding(self._get_pretrained_file(embedding_root, pretrained_file_name), " ", init_unknown_vec)
        self._build_embedding_for_vocabulary(vocabulary)


@register
class GloVe(_Published):
    """GloVe's vectors (Pennington, Socher, Manning 2014, https://nlp.stanford.edu/projects/glove).

    pretrained_file_name: the published file.
    embedding_root: the folder that has, or gets, the folder `glove` with the file.
    init_unknown_vec: the function that makes the unknown token's vector from its `shape`.
    vocabulary: the tokens that are kept; None: all of the file.
    kwargs: those of Vocabulary.

    KeyError for a file that is not published; ConnectionError if it is not there and cannot be downloaded.
    """

    pretrained_archive_name_sha1 = C.GLOVE_PRETRAINED_FILE_SHA1
    pretrained_file_name_sha1 = C.GLOVE_PRETRAINED_ARCHIVE_SHA1

    @classmethod
    def _get_download_file_name(cls, pretrained_file_name: str) -> str:
        archives = {archive.split(".")[1]: archive for archive in cls.pretrained_archive_name_sha1}
        return archives[pretrained_file_name.split(".")[1]]

    def __init__(self, pretrained_file_name: str = "glove.840B.300d.txt",
                 embedding_root: str = os.path.join(data_dir(), "embeddings"),
                 init_unknown_vec: Callable[..., Any] = nd.zeros, vocabulary: Vocabulary | None = None,
                 **kwargs: Any) -> None:
        super().__init__(pretrained_file_name, embedding_root, init_unknown_vec, vocabulary, **kwargs)


@register
class FastText(_Published):
    """FastText's vectors (Bojanowski, Grave, Joulin, Mikolov 2017, https://fasttext.cc). Parameters as in GloVe."""

    pretrained_archive_name_sha1 = C.FAST_TEXT_ARCHIVE_SHA1
    pretrained_file_name_sha1 = C.FAST_TEXT_FILE_SHA1

    @classmethod
    def _get_download_file_name(cls, pretrained_file_name: str) -> str:
        return pretrained_file_name.rpartition(".")[0] + ".zip"

    def __init__(self, pretrained_file_name: str = "wiki.simple.vec",
                 embedding_root: str = os.path.join(data_dir(), "embeddings"),
                 init_unknown_vec: Callable[..., Any] = nd.zeros, vocabulary: Vocabulary | None = None,
                 **kwargs: Any) -> None:
        super().__init__(pretrained_file_name, embedding_root, init_unknown_vec, vocabulary, **kwargs)


class CustomEmbedding(_TokenEmbedding):
    """The vectors of a user's own file.

    pretrained_file_path: the file; each line is a token and its numbers.
    elem_delim: what is between them.
    encoding: the file's encoding.
    init_unknown_vec, vocabulary, kwargs: as in GloVe.

    ValueError if there is no such file.
    """

    def __init__(self, pretrained_file_path: str, elem_delim: str = " ", encoding: str = "utf8",
                 init_unknown_vec: Callable[..., Any] = nd.zeros, vocabulary: Vocabulary | None = None,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._load_embedding(pretrained_file_path, elem_delim, init_unknown_vec, encoding)
        self._build_embedding_for_vocabulary(vocabulary)


class CompositeEmbedding(_TokenEmbedding):
    """The vectors of one or several embeddings, side by side, for the tokens of a vocabulary.

    vocabulary: the tokens.
    token_embeddings: an embedding or a list of embeddings.

    AssertionError for anything else.
    """

    def __init__(self, vocabulary: Vocabulary, token_embeddings: Any) -> None:
        _check_vocabulary(vocabulary)
        embeddings = token_embeddings if isinstance(token_embeddings, list) else [token_embeddings]
        for embed in embeddings:
            assert isinstance(embed, _TokenEmbedding), \
                f"`token_embeddings` must be token embeddings, got {type(embed).__name__}"
        self._index_tokens_from_vocabulary(vocabulary)
        self._set_idx_to_vec_by_embeddings(embeddings, len(self), self.idx_to_token)
