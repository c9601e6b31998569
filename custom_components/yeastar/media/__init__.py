"""Recordings and voicemail messages: what there is to hear, and how it is played.

Reads the switchboard, and asks the PBX only through `pbx.queries`, `pbx.calls.log`
and `pbx.sounds`.

May import: `const`, `pbx`, `switchboard`, and the coordinator for its type alone.
Hands out: `library.SoundLibrary`, the names of things to hear, and the view.
"""
