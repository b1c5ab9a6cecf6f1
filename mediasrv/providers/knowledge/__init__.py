"""A language model that needs no model: what an agent knows is a file, and the answer is found in it by rule.

The same file says how callers ask, and so what a recogniser should expect to hear.
"""

from mediasrv.providers.knowledge.book import Book, parse_book, read_book
from mediasrv.providers.knowledge.model import KnowledgeModel

__all__ = ["Book", "KnowledgeModel", "parse_book", "read_book"]
