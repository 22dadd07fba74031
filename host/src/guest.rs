//! Guests: compiled components and their instances.
