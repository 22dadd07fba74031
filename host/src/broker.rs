//! Danube, as the rest of the host sees it: subscribe, answer, look schemas up, publish dead letters.
//! danube-client makes and keeps the connections (TLS, mTLS, tokens, topic look-up); its types stop here. Consuming is
//! done on danube-core's own gRPC client, so that a stream that ends is seen at once and acks can overlap.

mod admin;
mod anchor;
mod connection;
mod dead_letter;
mod delivery;
mod error;
pub mod header;
mod letters;
mod publish;
mod replay;
mod subscription;

pub use anchor::READER;
pub use connection::{Broker, BrokerOptions, TlsOptions, Token};
pub use dead_letter::{DeadLetter, DeadLetters};
pub use delivery::{Answers, Content, Delivery, Receipt};
pub use error::Error;
pub use letters::{Letter, Letters};
pub use replay::Replay;
pub use subscription::{Event, SubscribeOptions, Subscription};
