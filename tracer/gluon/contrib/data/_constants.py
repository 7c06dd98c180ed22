"""The token that ends a line of WikiText."""

EOS_TOKEN = "<eos>"
