"""Problems as data, the page of each code, and the renderers."""
