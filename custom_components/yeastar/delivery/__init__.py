"""How reports get here, and whether they do.

Turns bytes into typed reports and knows no call: what a report means is the
switchboard's business.

May import: `const`, `pbx`. Hands out: `receiver.ReportReceiver` and its sources, the
targets that the PBX is told, `watch.DeliveryWatch`.
"""
