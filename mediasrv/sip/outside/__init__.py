"""Outside of any call: whether somebody is there (probes.py), and who has proven to be where he says (trust.py)."""
