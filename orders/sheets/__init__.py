"""Spreadsheets of orders and of tracking numbers: their fields, and the files of other systems. Reading only."""
