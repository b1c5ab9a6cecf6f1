"""A media server that people can telephone: calls in, conversations with an AI agent out."""

__version__ = "0.1.0"
