"""The store's ports over a database: a method is one verb, and one transaction, where it does
not say otherwise."""
