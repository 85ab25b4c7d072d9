"""What tests share: clocks, stores in memory, checkers."""
