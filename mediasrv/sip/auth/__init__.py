"""Who may, and who we are: digest both ways (RFC 7616, 8760), the registrar, and registrations of ours with trunks.

Like all of SIP here it is told the time and draws its random numbers from a source that is handed in. digest.py is the
arithmetic, fields.py the headers, nonces.py what makes an answer count only once.
"""
