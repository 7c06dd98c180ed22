"""WikiText: long texts for language models, read from the files of their authors in a folder."""
from __future__ import annotations

import os
import zipfile
from typing import Any

import numpy as np

from tracer.ops.ir.errors import MXNetError

from .... import ndarray as nd
from ....base import data_dir
from ....contrib import text
from ....whole_files import replacing
from ...data import dataset
from ...utils import _get_repo_file_url
from ._constants import EOS_TOKEN

__all__ = ["WikiText2", "WikiText103"]


class _WikiText(dataset._DownloadedDataset):
    """A text cut into rows: pairs of a row of indices of tokens, int32 (seq_len,), and the same one token later."""

    _namespace = ""
    _archive = ""
    _files = {"train": "wiki.train.tokens", "validation": "wiki.valid.tokens", "test": "wiki.test.tokens"}

    def __init__(self, root: str, segment: str = "train", vocab: Any = None, seq_len: int = 35) -> None:
        self._segment = segment
        self._seq_len = seq_len
        self._vocab = vocab
        self._counter: Any = None
        super().__init__(root, None)

    @property
    def vocabulary(self) -> Any:
        """The vocabulary: the one that was given, or that of the file."""
        return self._vocab

    @property
    def frequencies(self) -> Any:
        """The numbers of occurrences of the tokens."""
        return self._counter

    def _present(self) -> str:
        """The path of the file. FileNotFoundError, with that path, if neither it nor the archive is there."""
        name = self._files[self._segment]
        path, archive = os.path.join(self._root, name), os.path.join(self._root, self._archive)
        if os.path.exists(path):
            return path
        if not os.path.exists(archive):
            url = _get_repo_file_url("gluon/dataset/" + self._namespace, self._archive)
            raise FileNotFoundError(f"There is no {path}. tracer does not download it: get {url} and put it at "
                                    f"{archive}")
        try:
            with zipfile.ZipFile(archive) as packed:
                member = next((m for m in packed.namelist() if os.path.basename(m) == name), None)
                if member is None:
                    raise MXNetError(f"there is no {name} in {archive}")
                with replacing(path) as target:
                    target.write(packed.read(member))
        except zipfile.BadZipFile as error:
            raise MXNetError(f"{archive} is no complete archive: {error}") from error
        return path

    def _get_data(self) -> None:
        with open(self._present(), encoding="utf8") as file:
            content = file.read()
        self._counter = text.utils.count_tokens_from_str(content)
        if not self._vocab:
            self._vocab = text.vocab.Vocabulary(self._counter, reserved_tokens=[EOS_TOKEN])
        lines = [line.split() for line in content.splitlines()]
        indices = self._vocab.to_indices([token for line in lines if line for token in (*line, EOS_TOKEN)])
        tokens = np.array(indices, np.int32)
        count = (len(tokens) - 1) // self._seq_len
        rows = (count, self._seq_len)
        self._data = nd.array(tokens[:-1][:count * self._seq_len].reshape(rows), dtype="int32")
        self._label = nd.array(tokens[1:][:count * self._seq_len].reshape(rows), dtype="int32")


class WikiText2(_WikiText):
    """WikiText-2: pairs of a row of indices of tokens, int32 (seq_len,), and the same one token later.

    root: the folder with wiki.train.tokens, wiki.valid.tokens and wiki.test.tokens, or with the archive
        wikitext-2-v1.zip; FileNotFoundError, with the path, if there is neither.
    segment: "train", "validation" or "test".
    vocab: a `mx.contrib.text.vocab.Vocabulary`; None: one of the file's tokens.
    seq_len: the length of a row.

    Merity et al., Pointer Sentinel Mixture Models, ICLR 2017.
    """

    _namespace, _archive = "wikitext-2", "wikitext-2-v1.zip"

    def __init__(self, root: str = os.path.join(data_dir(), "datasets", "wikitext-2"), segment: str = "train",
                 vocab: Any = None, seq_len: int = 35) -> None:
        super().__init__(root, segment, vocab, seq_len)


class WikiText103(_WikiText):
    """WikiText-103 in the manner of `WikiText2`, whose parameters these are; the archive is wikitext-103-v1.zip."""

    _namespace, _archive = "wikitext-103", "wikitext-103-v1.zip"

    def __init__(self, root: str = os.path.join(data_dir(), "datasets", "wikitext-103"), segment: str = "train",
                 vocab: Any = None, seq_len: int = 35) -> None:
        super().__init__(root, segment, vocab, seq_len)
