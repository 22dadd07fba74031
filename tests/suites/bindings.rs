//! The bindings that SDKs carry are what the generators make of the contract.

mod go_c;
