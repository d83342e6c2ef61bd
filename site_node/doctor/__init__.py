"""Looks at a hospital's machine and at its way to the coordinator, before anything is tried.

`examine` runs all checks, `report` writes them. `machine`, `trust` and `data` look at this
computer; `lookup`, `proxy` and `tls` at the network, each alone, and `network` in their order.
Nothing is sent but a TLS handshake and, where trust is established, a login; no row and no value
of a record is shown.
"""
