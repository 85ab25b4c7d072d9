"""What differs between the databases: a few fragments of SQL, and how to connect."""
