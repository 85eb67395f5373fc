"""What editors need of the language: the JSON Schema of the YAML spelling."""
