"""Operations of the HTTP API about stores and jobs."""
