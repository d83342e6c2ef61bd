"""Lets `python -m site_node` stand for `riskset-site`."""

from site_node.cli import main

if __name__ == "__main__":
    main()
