"""A cohort of patients who do not exist, in seven hospitals, to try the software on.

`frozen` finds the seven extracts in the package, `unpack` copies them to a folder, `generate`
draws them anew from their seeds. How they were made and what they show stands beside them in
`riskset/data/crlm/README.md`.
"""

from riskset.synthetic.crlm import generate
from riskset.synthetic.packaged import OverwriteError, PackagedDataError, frozen, unpack

__all__ = ["OverwriteError", "PackagedDataError", "frozen", "generate", "unpack"]
