"""Programs that are run and never imported: by another Python, in processes of their own."""
