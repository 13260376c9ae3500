"""The conformance kit: plays the mesh to a partner's system and shows which rules of the partner's guide it keeps.

A partner dials the mesh, so the kit is what it dials: `Front` is a TCP port that stays bound, behind it stand servers
with the gateway's contract (`Kit`, `PlayedGateway`), a book of referrals that answers as the mesh would, and an inbox.
A scenario (`scenarios/`) sends deliveries, plans answers, cuts connections, and judges by the record of what went over
the wire; nothing of the partner's inside is needed. Everything is drawn from a seed.

A run goes on whatever the partner does: a scenario ends in pass, fail, or not shown, each wait has its limit. The kit
needs neither NATS nor a city, and shares with the mesh only the contract, the kernel and its errors.
"""
