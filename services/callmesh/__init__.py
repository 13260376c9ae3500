"""callmesh: routes calls between public agencies, one key to the right one, tracked until closed."""
