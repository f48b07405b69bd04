"""Orders as channels report them: stored, updated, never lost and never doubled.

Start with `orders`, the sink of every order stream."""
