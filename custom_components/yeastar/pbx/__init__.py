"""The language of a Yeastar S-Series PBX: API 2.0.0 and its event reports.

Knows nothing of Home Assistant. `client` asks, `reports` understands what the
PBX says by itself, `models` are the things it has, `errors` are its refusals.
"""
