"""Events with acknowledgement: the rules on made-up messages, the adapters on real brokers."""
