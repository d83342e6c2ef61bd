"""Lets `python -m site_node` stand for `riskset-site`."""

from site_node.cli import main

main()
