"""What is known of a PBX now, and who hears of a change.

Written only through its own methods: by reports, and by lists that were asked for.

May import: `const`, `pbx`, `delivery.watch`. Hands out: `board.Switchboard`, the keys
to listen to, the device registry's side of things, and what outlives a restart.
"""
