"""Payment files: tables of payments as people have them, read strictly and line by line.

Pure: text in, rows out. Nothing here knows the API, a store or a service.
"""
