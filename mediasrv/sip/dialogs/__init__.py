"""What a dialog can do beyond INVITE, ACK, CANCEL and BYE, one extension a file.

Rules as tables or pure functions: offers.py (one offer at a time), glare.py, session_timer.py, replacement.py. Parts of
a session, with their deadlines: provisional.py and early.py (100rel), updates.py, refresh.py, infos.py, referrals.py
(REFERs that come) and subscriptions.py (REFERs that we send). What their headers and bodies say is read in grammar/.
"""
