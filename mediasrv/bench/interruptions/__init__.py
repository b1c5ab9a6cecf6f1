"""What cuts an agent off, and what should: sounds, recognisers and trials without a network or a clock."""

from mediasrv.bench.interruptions.trial import Plan, run

__all__ = ["Plan", "run"]
