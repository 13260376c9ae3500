"""One module a page: its routes, what it asks the mesh, and what its template is given."""
