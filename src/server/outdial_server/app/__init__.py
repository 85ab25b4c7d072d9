"""The composition root: the one room that knows every room. Nothing is loaded with the room
itself: a command takes the module that it runs on."""
