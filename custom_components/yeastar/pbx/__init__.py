"""A Yeastar S-Series or K2 PBX, spoken to over its API 2.0.0.

A library in its own right: every name of an endpoint is in here.

May import: aiohttp, and nothing of Home Assistant or of the house around it. Hands
out: `client` (a session), `queries` and `commands` (what to ask and to order),
`reports` (what the PBX says by itself), `calls` (what both mean for calls).
"""
