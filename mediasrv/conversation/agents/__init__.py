"""Agents as data: one TOML file says who an agent is, what it knows, what it may do and which providers it uses.

The file's name is the agent's. Those of the operator's directory come before the shipped ones. Nothing here runs: what
is wrong with a file is found when it is read, and said with its place.
"""

from mediasrv.conversation.agents.declaration import AgentDeclaration, ToolDeclaration, read_declaration
from mediasrv.conversation.agents.library import Library

__all__ = ["AgentDeclaration", "Library", "ToolDeclaration", "read_declaration"]
