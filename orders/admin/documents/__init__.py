"""The pages of documents: settings of a store, the card of an order, printing from lists, jobs that print."""
