"""Sentences as numbers, and batches of them by length."""
from __future__ import annotations

import bisect
import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import ndarray
from ..io import DataBatch, DataDesc, DataIter

__all__ = ["BucketSentenceIter", "encode_sentences"]


def encode_sentences(sentences: Sequence[Sequence[Any]], vocab: dict[Any, int] | None = None, invalid_label: int = -1,
                     invalid_key: str = "\n", start_label: int = 0, unknown_token: str | None = None
                     ) -> tuple[list[list[int]], dict[Any, int]]:
    """The numbers of the words of sentences, and the vocabulary.

    sentences: lists of words.
    vocab: the number of each word; None for a new one, which gets the words in order.
    invalid_label, invalid_key: a number that no word gets, and its key in a new vocabulary.
    start_label: the first number.
    unknown_token: the word that stands for those that a given vocabulary lacks; without it, AssertionError.

    >>> encode_sentences([["a", "b"], ["b"]])
    ([[0, 1], [1]], {'\\n': -1, 'a': 0, 'b': 1})
    """
    new_vocab = vocab is None
    if vocab is None:
        vocab = {invalid_key: invalid_label}
    label = start_label
    coded = []
    for sentence in sentences:
        numbers = []
        for word in sentence:
            if word not in vocab:
                assert new_vocab or unknown_token, f"Unknown token {word}"
                if label == invalid_label:
                    label += 1
                if unknown_token:
                    word = unknown_token
                vocab[word] = label
                label += 1
            numbers.append(vocab[word])
        coded.append(numbers)
    return coded, vocab


class BucketSentenceIter(DataIter):
    """An iterator over batches of sentences of similar lengths; the labels are the words one later.

    sentences: lists of numbers.
    batch_size: the number of sentences in a batch.
    buckets: the lengths to which sentences are filled up; None: those that a whole batch of sentences has.
    invalid_label: the number that fills up sentences.
    data_name, label_name: the names of the inputs.
    dtype: the dtype of the arrays.
    layout: "NT" for a sentence a row, "TN" for a sentence a column.

    The order is drawn from Python's and NumPy's generators for each epoch.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/legacy/rnn/index.html

    >>> batches = BucketSentenceIter([[1, 2], [3, 4], [5, 6, 7], [8, 9, 10]], 2)
    WARNING: discarded 0 sentences longer than the largest bucket.
    >>> sorted([(batch.bucket_key, batch.data[0].shape) for batch in batches])
    [(2, (2, 2)), (3, (2, 3))]
    """

    def __init__(self, sentences: Sequence[Sequence[int]], batch_size: int, buckets: list[int] | None = None,
                 invalid_label: int = -1, data_name: str = "data", label_name: str = "softmax_label",
                 dtype: Any = "float32", layout: str = "NT") -> None:
        super().__init__(batch_size)
        if not buckets:
            counts = np.bincount([len(sentence) for sentence in sentences])
            buckets = [length for length, count in enumerate(counts) if count >= batch_size]
        buckets.sort()
        filled: list[list[Any]] = [[] for _ in buckets]
        discarded = 0
        for sentence in sentences:
            bucket = bisect.bisect_left(buckets, len(sentence))
            if bucket == len(buckets):
                discarded += 1
                continue
            row = np.full((buckets[bucket],), invalid_label, dtype=dtype)
            row[:len(sentence)] = sentence
            filled[bucket].append(row)
        print(f"WARNING: discarded {discarded} sentences longer than the largest bucket.")
        self.buckets = [length for length, rows in zip(buckets, filled) if rows]
        self.data = [np.asarray(rows, dtype=dtype) for rows in filled if rows]
        self.data_name = data_name
        self.label_name = label_name
        self.dtype = dtype
        self.invalid_label = invalid_label
        self.nddata: list[Any] = []
        self.ndlabel: list[Any] = []
        self.major_axis = layout.find("N")
        self.layout = layout
        self.default_bucket_key = max(self.buckets)
        if self.major_axis not in (0, 1):
            raise ValueError(f"Invalid layout {layout}: Must by NT (batch major) or TN (time major)")
        shape = (batch_size, self.default_bucket_key)[::1 if self.major_axis == 0 else -1]
        self.provide_data = [DataDesc(name=data_name, shape=shape, layout=layout)]
        self.provide_label = [DataDesc(name=label_name, shape=shape, layout=layout)]
        self.idx = [(i, j) for i, rows in enumerate(self.data)
                    for j in range(0, len(rows) - batch_size + 1, batch_size)]
        self.curr_idx = 0
        self.reset()

    def reset(self) -> None:
        """Begin a new epoch, in another order."""
        self.curr_idx = 0
        random.shuffle(self.idx)
        for rows in self.data:
            np.random.shuffle(rows)
        self.nddata = []
        self.ndlabel = []
        for rows in self.data:
            label = np.full_like(rows, self.invalid_label)
            label[:, :-1] = rows[:, 1:]
            self.nddata.append(ndarray.array(rows, dtype=self.dtype))
            self.ndlabel.append(ndarray.array(label, dtype=self.dtype))

    def next(self) -> DataBatch:
        """The next batch. StopIteration after the last one."""
        if self.curr_idx == len(self.idx):
            raise StopIteration
        bucket, start = self.idx[self.curr_idx]
        self.curr_idx += 1
        data, label = [arrays[bucket][start:start + self.batch_size] for arrays in (self.nddata, self.ndlabel)]
        if self.major_axis == 1:
            data, label = data.T, label.T
        return DataBatch([data], [label], pad=0, bucket_key=self.buckets[bucket],
                         provide_data=[DataDesc(name=self.data_name, shape=data.shape, layout=self.layout)],
                         provide_label=[DataDesc(name=self.label_name, shape=label.shape, layout=self.layout)])
