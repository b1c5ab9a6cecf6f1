"""`mediasrv bench churn`: calls that end in every way a call can end, and what the server still holds afterwards.

`phone` is one telephone with a socket and a user agent of its own, so that it can vanish; `endings` is the table of
ways to end; `holdings` is what the server holds; `churn` plays rounds of calls and sets one beside the other.
"""
