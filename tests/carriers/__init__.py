"""Peers that behave as carriers do, each towards a server whose trunk has that carrier's profile, in virtual time.

A carrier is two things: what it writes (profiles/*.toml: its INVITE and its descriptions, as text, after what its
public documentation and traces of it show) and what it does (carrier.py). Neither uses our own reading or writing of
SIP, dialogs or digest: a fault that both ends share would stay unseen. Where a carrier publishes no trace, its messages
are what border controllers of its kind write; none was taken from a live account. Addresses are those of documentation
(RFC 5737); account numbers and identifiers are made up.
"""
