"""One run: scenarios, latencies, the state of the machine."""
