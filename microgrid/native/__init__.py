"""The native engine: its source, ``engine.c``, and ``write_rules``, which writes the rule table in C for it."""
