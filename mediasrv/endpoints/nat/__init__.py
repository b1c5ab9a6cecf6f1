"""What networks do to addresses: which of ours a peer can reach, what others see us as, and flows that are kept open.

STUN (RFC 5389) is here twice: we answer binding requests on the SIP port, for telephones that keep their NAT open with
them (RFC 5626 section 4.4.2), and ask a server what our own address looks like from outside.
"""
