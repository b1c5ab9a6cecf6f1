"""What a dialog can do beyond INVITE, ACK, CANCEL and BYE, one extension a file.

Headers as values: identity.py, reasons.py, replaces.py, keys.py (INFO). Rules as tables or pure functions:
offers.py, session_timer.py, redirects.py. Parts of a session, with deadlines: provisional.py, updates.py,
refresh.py, referrals.py, subscriptions.py.
"""
