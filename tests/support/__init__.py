"""What several parts of the tests share: builders of cases, a real NATS server, services in this process."""
