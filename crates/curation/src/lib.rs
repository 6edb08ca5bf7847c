//! Duplicates, filters, mention consistency and topic-disjoint splits
