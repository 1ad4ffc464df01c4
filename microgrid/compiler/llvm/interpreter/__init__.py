"""An interpreter of programs, compiled once and cached: no graph waits for a compiler."""
