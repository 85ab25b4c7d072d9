"""Pure rules of scheduling: no clock, no IO, standard library only."""
