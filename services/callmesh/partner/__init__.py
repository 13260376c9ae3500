"""A partner agency's side of the gateway."""
