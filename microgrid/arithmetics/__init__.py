"""Further number systems that the rules run in, one file each; ``core.arithmetic`` has those of the engine."""
