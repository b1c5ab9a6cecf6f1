"""Tools around the server: a softphone, a load generator, the picture of the house, sanitizer and set-up scripts."""
