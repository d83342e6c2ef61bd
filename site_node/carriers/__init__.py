"""How a hospital comes to its requests: it dials out, and nobody can dial in.

`grpc` is the only carrier in use; what is answered is `Node.handle`'s alone.
"""
