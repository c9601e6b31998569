"""What automations can be started by; `trigger.py` in the house above names them.

The triggers hear the bus and the states of entities, and look up in the switchboard
what a target means. They know no coordinator and never talk to the PBX.

May import: `const`, `pbx`, `switchboard`. Hands out: the triggers, by file.
"""
