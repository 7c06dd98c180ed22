"""mx.contrib.text, mx.contrib.io and gluon.contrib.data: vocabularies, vectors, WikiText, DataLoaderIter."""
from __future__ import annotations

import collections
import zipfile

import numpy as onp
import pytest

import tracer as mx
from tracer import gluon, nd, np
from tracer.base import MXNetError
from tracer.contrib import text
from tracer.gluon.contrib.data.text import WikiText2, WikiText103

COUNTER = collections.Counter({"b": 3, "a": 3, "c": 5, "d": 1})


def test_vocabulary():
    whole = text.vocab.Vocabulary(COUNTER, reserved_tokens=["<pad>"])
    assert whole.idx_to_token == ["<unk>", "<pad>", "c", "a", "b", "d"] and len(whole) == 6
    assert whole.to_indices(["d", "x"]) == [5, 0] and whole.to_indices("c") == 2
    assert whole.to_tokens([0, 2]) == ["<unk>", "c"] and whole.reserved_tokens == ["<pad>"]
    assert text.vocab.Vocabulary(COUNTER, 2, 3).idx_to_token == ["<unk>", "c", "a"]
    with pytest.raises(ValueError, match="Token index 6"):
        whole.to_tokens([6])
    for wrong in ({"min_freq": 0}, {"reserved_tokens": ["<unk>"]}, {"reserved_tokens": ["x", "x"]},
                  {"counter": {"a": 1}}):
        with pytest.raises(AssertionError):
            text.vocab.Vocabulary(**wrong)
    counted = text.utils.count_tokens_from_str(" A b\nB  ", to_lower=True)
    assert text.utils.count_tokens_from_str("b", counter_to_update=counted) == {"a": 1, "b": 3}


@pytest.fixture
def vectors(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("4 2\na 1 2\nB 3 4\na 9 9\nc 5 6\n")
    with pytest.warns(UserWarning, match="is likely a header") as caught:
        return text.embedding.CustomEmbedding(str(path)), caught


def test_vectors_of_a_file(vectors):
    found, warned = vectors
    assert any("token a has been loaded" in str(w.message) for w in warned)
    assert found.idx_to_token == ["<unk>", "4", "a", "B", "c"][:1] + ["a", "B", "c"] and found.vec_len == 2
    assert found.idx_to_vec.asnumpy().tolist() == [[0, 0], [1, 2], [3, 4], [5, 6]]
    assert found.get_vecs_by_tokens("c").asnumpy().tolist() == [5, 6]
    assert found.get_vecs_by_tokens(["A", "C"], lower_case_backup=True).asnumpy().tolist() == [[1, 2], [5, 6]]
    found.update_token_vectors(["a", "c"], nd.array([[7, 7], [8, 8]]))
    found.update_token_vectors("B", nd.array([1, 1]))
    assert found.idx_to_vec.asnumpy().tolist() == [[0, 0], [7, 7], [1, 1], [8, 8]]
    with pytest.raises(ValueError, match="Token x is unknown"):
        found.update_token_vectors("x", nd.ones(2))
    with pytest.raises(AssertionError, match="must have the shape"):
        found.update_token_vectors("a", nd.ones(3))


def test_vectors_of_a_vocabulary(vectors):
    found, _ = vectors
    both = text.embedding.CompositeEmbedding(text.vocab.Vocabulary(COUNTER), [found, found])
    assert both.idx_to_token == ["<unk>", "c", "a", "b", "d"] and both.vec_len == 4
    assert both.idx_to_vec.asnumpy().tolist() == [[0] * 4, [5, 6] * 2, [1, 2] * 2, [0] * 4, [0] * 4]
    mx.npx.set_np()
    try:
        assert type(text.embedding.CompositeEmbedding(text.vocab.Vocabulary(COUNTER), found).idx_to_vec) is np.ndarray
    finally:
        mx.npx.reset_np()


def test_published_vectors():
    names = text.embedding.get_pretrained_file_names()
    assert set(names) >= {"glove", "fasttext"} and len(names["fasttext"]) == 327
    with pytest.raises(KeyError, match="nothing"):
        text.embedding.get_pretrained_file_names("nothing")
    with pytest.raises(KeyError, match="Cannot find pretrained file x"):
        text.embedding.FastText("x")


def test_malformed_vectors(tmp_path):
    path = tmp_path / "vectors.txt"
    for lines, why in (("a\n", "line 1"), ("a 1 2\nb 1 2 3\n", "vector of b has 3")):
        path.write_text(lines)
        with pytest.raises(AssertionError, match=why):
            text.embedding.CustomEmbedding(str(path))
    with pytest.raises(ValueError, match="valid path"):
        text.embedding.CustomEmbedding(str(tmp_path / "none"))


def test_wikitext(tmp_path):
    with pytest.raises(FileNotFoundError, match=f"put it at {tmp_path}/wikitext-2-v1.zip"):
        WikiText2(str(tmp_path))
    with zipfile.ZipFile(tmp_path / "wikitext-103-v1.zip", "w") as archive:
        archive.writestr("wikitext-103/wiki.train.tokens", " a b \n\n c a \n a b c\n")
    found = WikiText103(str(tmp_path), seq_len=3)
    assert found.vocabulary.idx_to_token == ["<unk>", "<eos>", "a", "b", "c"] and found.frequencies["a"] == 3
    assert [x.asnumpy().tolist() for x, _ in found] == [[2, 3, 1], [4, 2, 1], [2, 3, 4]]
    assert found[0][1].asnumpy().tolist() == [3, 1, 4] and found[0][0].dtype == onp.int32
    with pytest.raises(MXNetError, match="no wiki.valid.tokens"):
        WikiText103(str(tmp_path), "validation")
    (tmp_path / "wikitext-2-v1.zip").write_text("no archive")
    (tmp_path / "wiki.train.tokens").unlink()
    with pytest.raises(MXNetError, match="no complete archive"):
        WikiText2(str(tmp_path))


def test_loader_as_iterator():
    data = gluon.data.ArrayDataset(nd.array(onp.arange(10).reshape(5, 2)), nd.array(onp.arange(5)))
    batches = mx.contrib.io.DataLoaderIter(gluon.data.DataLoader(data, 2), dtype="float64")
    assert [tuple(one) for one in batches.provide_data + batches.provide_label] == \
        [("data", (2, 2)), ("softmax_label", (2,))]
    for _ in range(2):
        found = list(batches)
        assert [batch.pad for batch in found] == [0, 0, 1] and found[0].index is None
        assert found[2].data[0].asnumpy().tolist() == [[8, 9], [0, 0]] and found[1].label[0].dtype == onp.float64
        batches.reset()
