"""Whole SIP calls gone wrong, as stories: the real server, a bad network, and telephones that follow the RFC or do not.

A story (`stories/`) is a function that says what happens and who learns what within which time. `house` gives it the
server, the network and telephones; `phone` is a telephone written from the RFCs alone, so that it shares no mistake
with `mediasrv.sip`; `leftovers` is what must hold after every story. The same seed gives the same run, byte for byte.
`python -m tests.sim.sip --seeds 1000` tells them all.
"""
