"""Whole calls in virtual time: the real server, a bad network, a scripted caller, and no second of waiting.

`deterministic` fixes trio's order of tasks and owns the clock; `network` carries datagrams; `caller`
telephones; `world` puts them together and gives back a trace; `invariants` judges it. The same seed gives
the same trace, byte for byte. `python -m tests.sim --seeds 1000` runs many.
"""
