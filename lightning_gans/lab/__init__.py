"""The lab: games that are watched and played in a browser. Its web process imports no torch."""
