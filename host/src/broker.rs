//! Danube, as the rest of the host sees it: subscribe, answer, look schemas up, publish dead letters.
//! All of it is done on danube-core's own gRPC clients over connections of the host's, so that a stream that ends is seen at
//! once and acks can overlap and cost little. The types of gRPC stop here.

mod admin;
mod anchor;
mod connection;
mod dead_letter;
mod delivery;
mod error;
pub mod header;
mod letters;
mod link;
mod publish;
mod replay;
mod subscription;

pub use anchor::READER;
pub use connection::{Broker, BrokerOptions, RegisteredSchema, TlsOptions, Token};
pub use dead_letter::{DeadLetter, DeadLetters};
pub use delivery::{Answers, Content, Delivery, Receipt};
pub use error::Error;
pub use letters::{Letter, Letters};
pub use replay::Replay;
pub use subscription::{Event, SubscribeOptions, Subscription};
