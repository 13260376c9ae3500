"""The city's data on its way from a folder to every service.

An officer edits a folder like deploy/city. `load.load_city` reads it as a whole and either returns one
`City` (callmesh.domain.directory) or names every fault with file and line, so a folder with a fault
changes nothing. `store.publish` puts the city into the JetStream bucket `directory` as one new revision;
each service's `store.DirectoryWatch` sees it, and from then on hands out the new one. `locate.Locator`
says which division a point lies in. The room knows no case and imports only the domain.

When NATS is down, a service keeps the city it has; one that could not look yet is Unreachable (ledger.boot),
one that looked and found none answers NoDirectory.
A value that cannot be read is logged and passed over: the version in force stays.
"""
