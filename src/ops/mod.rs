//! Floor 3: the table of operations, one file each.
