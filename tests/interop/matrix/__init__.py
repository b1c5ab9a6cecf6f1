"""Which peer can do what with us: one table (table.py), one driver for each peer (peers.py), one test a cell.

What a peer cannot do stands in the table as a fact about that peer, with its reason; nothing is skipped.
"""
