//! Trains an artifact folder on encodings, exactly resumable
