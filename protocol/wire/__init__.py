"""Messages as bytes: the schema in `federation.proto`, and the one encoding of each value."""
