//! Prompts for language models, and labelled examples out of their completions
