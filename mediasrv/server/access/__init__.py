"""Who may call, and who we are to others.

users.py knows our own users and user_file.py keeps them, door.py decides who must prove what, accounts.py says who we
are with a trunk, and enrolment.py and health.py keep us registered there and know whether it lives.
"""
