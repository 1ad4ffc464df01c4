"""The engine, read in one sitting; the order to read it in is that of the list in ``docs/contributing``."""
