"""What a trial leaves behind: typed, versioned records, the folder they are kept in, merging."""
