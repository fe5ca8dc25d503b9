"""How numbers, tables, pages and figures are written, whatever they are about."""
