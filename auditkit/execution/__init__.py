"""How shards become parts: one small protocol, one file a way of running them."""
