"""Operations of the HTTP API about warehouses and stock. They call the services of the screens."""
