"""From a function or a recorded graph to code that runs at the machine's speed; ``api`` is the way in."""
