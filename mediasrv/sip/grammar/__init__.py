"""What SIP looks like on the wire: syntax, URIs, headers and their typed fields, messages, and the bounded parser."""
