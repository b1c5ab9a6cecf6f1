"""The server's place in the network: which sockets it opens, by which address each peer knows it, how names and trunks
are found, and what keeps the ways open.
"""
