"""The port: stores and wires. Knows no product, stock or order model."""
