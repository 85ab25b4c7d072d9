"""What a client can ask for: one module a use. A command checks, decides by the domain,
has the store carry it out, and wakes whoever has work from it."""
