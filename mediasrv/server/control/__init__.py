"""What people on this machine ask of a running server: a socket of its owner's, and a table of commands behind it."""

from mediasrv.server.control.commands import CONTROL_SOCKET, Control
from mediasrv.server.control.local_socket import CLIENTS, LocalSocket, socket_address

__all__ = ["CLIENTS", "CONTROL_SOCKET", "Control", "LocalSocket", "socket_address"]
