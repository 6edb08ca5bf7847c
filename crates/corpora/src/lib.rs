//! Readers of annotated corpora: PubTator and IOB
