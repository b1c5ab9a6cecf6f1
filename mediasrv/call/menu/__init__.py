"""The agent `menu`: it speaks, the caller answers with keys, and something is done (docs/menu.md).

`description` is what a file may say, `choices` which row of keys means what (pure), `sounds` what is heard besides a
voice, `line` one call's mouth and keys, `agent` the walk through the menus.
"""

from mediasrv.call.menu.agent import MenuAgent, menu_agent
from mediasrv.call.menu.description import DEMO, MenuBook, parse_menus, read_menus

__all__ = ["DEMO", "MenuAgent", "MenuBook", "menu_agent", "parse_menus", "read_menus"]
