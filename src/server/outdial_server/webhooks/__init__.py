"""Events on their way to the endpoints of clients: rendered, signed and posted."""
