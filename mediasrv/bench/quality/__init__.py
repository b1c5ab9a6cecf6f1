"""How good it sounds and how well it hears: each kernel beside a reference, on the same material, in the same run.

One module a table (`aec`, `plc`, `jitter`, `vad`, `keys`); each is `run(plan) -> Table`. They are benchmarks: they need
numpy and the models of the extra `quality`, and take minutes.
"""
