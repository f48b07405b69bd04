"""Operations of the HTTP API about orders, and the API of warehouse systems. They call the services of the screens."""
