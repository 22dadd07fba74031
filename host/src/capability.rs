//! What a guest may reach, and the gate that decides it.
