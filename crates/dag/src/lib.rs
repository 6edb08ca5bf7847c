//! Pipeline files: YAML to a checked, ordered plan
