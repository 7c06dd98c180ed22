"""`mx.contrib.text`: vocabularies and pretrained embeddings of tokens."""
from . import embedding, utils, vocab

__all__ = ["embedding", "utils", "vocab"]
