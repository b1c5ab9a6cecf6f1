"""The one limit of these tests, for what never comes: however busy the machine, a test that passes is done before.

How long something takes is no test's business here; benchmarks measure it.
"""

PATIENCE_S = 120.0
LATE_MS = 30_000  # that a server may be before it sends callers away, which is tested in virtual time
