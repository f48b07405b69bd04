"""What every record of a channel passes before it is used: texts are cleaned, values are brought into their limits."""
