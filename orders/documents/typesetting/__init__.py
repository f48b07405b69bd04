"""Pages as PDF files: the child process that sets them, barcodes, text that can be printed. `render` is what others call."""
