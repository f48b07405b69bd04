"""What every carrier's adapter offers: its methods, records and declaration; and the names and numbers of carriers."""
