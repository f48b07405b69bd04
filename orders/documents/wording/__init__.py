"""The words, countries, amounts and dates of documents, in English and French."""
