"""Callers by the hundred, on an engine of their own, each of whom knows whether the sound that comes back is his.

`watermark` makes the sound and reads it, `verdict` says what became of it, `caller` is one call from INVITE to BYE,
`plan` is what is to be done, `run` does it, and `report` counts.
"""

import os

# The watermark is read in small matrices; a second thread of BLAS spins for it, at ten times what the reading takes.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
