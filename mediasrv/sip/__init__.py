"""SIP without I/O: messages, transactions, dialogs and a user agent that is told the time and handed datagrams."""
