//! Runs sink connectors for the Danube message broker as sandboxed WebAssembly components.
//!
//! The host does what all sinks have in common: it consumes, decodes by schema, batches, retries, acknowledges,
//! dead-letters, and counts. A connector is one component that gets batches and writes them, and that reaches only what
//! its file grants. Users start with the pages in [`docs`]; this page is the map of the code.
//!
//! # One straight line
//!
//! ```text
//!  Danube broker
//!    | StreamMessage
//!    v
//!  broker     Subscription::recv       -> Delivery     what was published, and the Receipt: an answer owed, not Clone
//!  decode     schema, codec            -> Record, or the reason why it will never be one
//!  collect    count | bytes | age | window full -> Collected
//!  deliver    Processor::process(&Batch) -> Verdict for each record; retries, or the lane parks
//!  settle     Verdict x Receipt x on_reject -> ack | dead letter, then ack | stop
//!    v
//!  Danube broker
//! ```
//!
//! `pipeline.rs` is the page to open first: it reads like this picture. A **lane** is one consumer of one topic with its
//! own guest instance, collector and settler. Lanes share nothing mutable but counters and the schema cache, so that one
//! slow topic never holds up another, and no lock sits around a wasmtime `Store`. Within a lane the next batch grows while
//! the guest works on the last one, and acknowledgements overlap.
//!
//! Imports point one way: `main > cli > config, host > connector > pipeline > broker, codec, schema, guest > capability`,
//! and all of them know `record`, which knows none of them. Generated types of the contract stop inside `guest/abi`,
//! danube-core's inside `broker`, wasmtime's errors in `guest/error.rs`.
//!
//! # Map
//!
//! ```text
//! main.rs                  parses the command line and hands over
//! cli.rs                   the commands and their exit codes
//!   cli/run.rs             the main job: files to a host, until a signal
//!   cli/check.rs           files and components, without a broker and without starting a guest
//!   cli/findings.rs        what a component imports, held against what its file grants
//!   cli/inspect.rs         what a component is
//!   cli/componentize.rs    core modules of other compilers become components
//!   cli/operator.rs        --host-config, for the commands that load connector files
//!   cli/explain.rs         may a component reach something, and what decides it
//!   cli/new.rs             a project for a new sink: new/project.rs has the embedded templates and SDKs, new/rust.rs makes
//!                          the Rust SDK a package of its own; cli/language.rs names the languages
//!   cli/doctor.rs          what of the toolchains is missing; doctor/need.rs is the list
//!   cli/test.rs            a component with records and replies from files: test/expected.rs is the file, test/happened.rs
//!                          what came of it, test/compare.rs the difference
//!   cli/records.rs         records in a file; cli/json.rs shows mistakes in JSON files and keeps every digit
//!   cli/dev.rs             broker in memory, connector, receiver and records in one process; dev/watch.rs builds the project
//!                          again when a source changes
//!   cli/bench.rs           what the sandbox costs, beside doing without it: bench/bed.rs is the broker that records come
//!                          from, bench/bare.rs and bench/native.rs are what the host is held against; bench/sinks.rs
//!                          has the sinks that need a server, bench/child.rs is a host in a process of its own,
//!                          bench/machine.rs what that takes of the machine
//!   cli/descriptors.rs     how many files and connections the process may have open
//!   cli/storage.rs         where compiled components are kept between runs
//!   cli/dlq.rs             dead letters: list, replay; dlq/filter.rs and dlq/view.rs are for both
//! config.rs                the files: as written (raw.rs), resolved (Config), built (connector/build.rs)
//!   config/                one file for each table; mistake.rs, caution.rs, help.rs and snippet.rs say what is wrong and
//!                          where; policy.rs reads the operator's file, and ceiling.rs holds the others against it; secret.rs and conceal.rs keep secrets out of it; golden/ has the texts
//! host.rs                  many connectors in one process
//! connector.rs             one connector: compiles, asks the guest what to consume, runs the lanes
//!   connector/build.rs     resolved values become the things that work with them
//!   connector/plan.rs      what the guest asked for, held against its grants and limits, becomes lanes; plan/claims.rs
//!                          keeps it off the subscriptions of other connectors
//!   connector/rehearse.rs  a connector without a broker, for `test`
//!   connector/processor.rs a guest as the pipeline's processor: makes and retires instances
//! pipeline.rs              one session of a lane: collect, deliver, settle
//!   pipeline/lane.rs       the life of a lane: subscribe, run sessions, park and work off what it held
//!   pipeline/collect.rs    the first verb, with the Intake that records come from
//!   pipeline/decode.rs     a delivery becomes a record
//!   pipeline/window.rs     learns how many records the broker hands out unanswered
//!   pipeline/pace.rs       whether half a window makes the better batch
//!   pipeline/ledger.rs     what the broker sent: in hand, given back, or settled; keeps duplicates from the guest
//!   pipeline/gaps.rs       offsets that the broker passed over
//!   pipeline/deliver.rs    the second verb: calls, retries, the budget
//!   pipeline/blame.rs      takes apart what breaks the guest, and tells bad records from a guest that is dead
//!   pipeline/chunk.rs      records that go to the guest together, and what they have been through
//!   pipeline/held.rs       what a session could not settle, and what of it must not go back to the broker
//!   pipeline/health.rs     asks an idle guest how its target is
//!   pipeline/settle.rs     the third verb: acknowledgements
//!   pipeline/reject.rs     records that will never be written: dead letters, skipping, stopping
//!   pipeline/deliveries.rs  how often the broker sent each record to the lanes of a subscription
//!   pipeline/fuse.rs       stops a connector that rejects too much
//!   pipeline/rehearse.rs   the second verb with batches that are known beforehand, without pauses
//!   pipeline/edge.rs       the words at the outer edges: Processor, LanePolicy, Settlement, End
//!   pipeline/backoff.rs    growing pauses
//! broker.rs                Danube
//!   broker/connection.rs   where it is and how it is secured, and calls to it
//!   broker/link.rs         the connections that calls go over
//!   broker/subscription.rs a task for each partition: subscribe, stream, watch, come back
//!   broker/delivery.rs     a record and the answer owed for it
//!   broker/publish.rs      a producer on one topic
//!   broker/dead_letter.rs  the producer of dead letters
//!   broker/anchor.rs       what makes a topic readable later on, before its first dead letter
//!   broker/letters.rs      a round through a dead-letter topic
//!   broker/replay.rs       gives dead letters back
//!   broker/header.rs       the names of a dead letter's headers
//!   broker/admin.rs        asks for a window that fits the batches
//!   broker/error.rs        what can be tried again and what can't
//! codec.rs                 bytes to JSON, text or bytes, by schema type
//!   codec/json.rs          checks JSON without building or copying it
//!   codec/definition.rs    takes the broker's JSON from around a definition
//!   codec/avro.rs          Avro in all its forms to JSON; avro/ has the schema made ready, the readers and the leaves
//!   codec/protobuf.rs      Protobuf to JSON; protobuf/definition.rs finds the message type
//! schema.rs                the registry's schemas, remembered
//! guest.rs                 wasmtime
//!   guest/engine.rs        one engine for the process, the way from a file to a component
//!   guest/clock.rs         makes guests yield
//!   guest/compile.rs       reads and compiles within limits; compile/process.rs and compile/worker.rs are the two sides
//!                          of a compiler in a process of its own
//!   guest/cache.rs         compiled code, kept where nobody else can write (cache/folder.rs)
//!   guest/component.rs     what a compiled component is and imports
//!   guest/instance.rs      a running guest and its deadlines
//!   guest/limit.rs         what an instance may hold
//!   guest/consumer.rs      what a guest wants to consume
//!   guest/state.rs         what the host keeps for an instance: WASI, limits
//!   guest/abi.rs           the versions of the contract, one module each (abi/v0_1.rs)
//!   guest/error.rs         what can go wrong with a guest
//! capability.rs            what a guest may reach
//!   capability/destination.rs  grants: their grammar, matching, printing
//!   capability/address.rs      which addresses a granted name may lead to
//!   capability/sockets.rs      every lookup, connection and datagram; sockets/wasi.rs puts wasi:sockets behind it, and
//!                              sockets/tls.rs does wasi:tls
//!   capability/decision.rs     what is decided on an attempt, and the one way to log what nothing grants
//!   capability/resolver.rs     names to addresses
//!   capability/tls.rs          how TLS is spoken under a grant
//!   capability/observe.rs      counts what nothing grants instead of refusing it, for a first file
//!   capability/limit.rs        every limit by name, and how often a connector ran into each
//!   capability/files.rs        granted folders: files/account.rs counts what stands in them, files/change.rs changes it,
//!                              files/wasi.rs is wasi:filesystem over them
//!   capability/rate.rs         bytes per second
//!   capability/http.rs         the gate that every request passes; http/wasi.rs puts wasi:http behind it, http/inject.rs
//!                              adds headers and signatures that the guest never sees, http/script.rs answers in place of the network
//!   capability/logging.rs      what a guest says
//! record.rs                the nouns: Record, Batch, Verdict, and the words of the config that others need
//! metrics.rs               every name that is counted (metrics/gates.rs: the HTTP gates, metrics/sockets.rs: sockets,
//!                          metrics/limits.rs: limits that were hit, metrics/observers.rs: connectors that observe)
//! status.rs                what connectors and lanes are doing
//! placement.rs             which thread a connector works on: a busy one gets its own
//! server.rs                /metrics, /livez, /readyz, /status
//! shutdown.rs              drain, then stop
//! stages.rs                where the time of a record goes, for `bench --stages`
//! telemetry.rs             the host's own log
//! docs.rs                  the pages for users
//! fuzz.rs                  what the fuzz targets in host/fuzz call
//!   fuzz/guests.rs         components and their answers
//! inner.rs                 what the benches in host/benches call
//! ```
//!
//! Beside this crate: `wit/` is the contract, `guest-sdk/` the SDKs, `guests/` the connectors that come along,
//! `host/dev-broker/` a broker in memory for tests and for `danube-wasm dev`.
//!
//! # Why it is so
//!
//! - **Everything that goes to the broker runs on danube-core's gRPC clients.** danube-client's consumer can end without a
//!   word and acknowledges one record at a time; here a stream that ends is an event, and acknowledgements overlap. The bench
//!   and `dev` use danube-client, as its users would.
//! - **Calls go over HTTP/2 itself** (`broker/link.rs`). Danube takes one acknowledgement in a call, and with tonic's channel
//!   these calls cost more than all else that is done for a record: a queue, a task and an 8 KB buffer each. One connection
//!   of each connector to each broker does for everything: a second one takes as much memory as an idle guest.
//! - **Futures that many have at once are kept small** (`broker/connection.rs`, `pipeline/settle.rs`): an async function has
//!   room twice for a future that it is given, so that an acknowledgement once took 12 KB, and what is rare is on the heap.
//! - **The window is learned**, because the broker can't be asked and does not heed a request (0.15.1). Hence `window.rs`,
//!   which needs to know what is unanswered: `ledger.rs`.
//! - **`record.rs` also has the words that config, guest and broker share** (`SubscriptionType`, `OnReject`,
//!   `PayloadFormat`), so that none of the three imports another for a word.
//! - **Decoding is a step of its own** in front of collecting: a record that can't be decoded goes straight to be
//!   settled and never waits for a batch.
//! - **Parking ends the subscription**: the broker counts every delivery, and by default blocks for good after a few.
//!   Except on Key-Shared, where the broker drops what an absent consumer holds: there a lane holds on (`LanePolicy::hold`).
//! - **A parked lane writes** what the broker has sent twice already, and what broke the guest (`held.rs`): a health check
//!   may be wrong, and records must neither use up their deliveries nor lose what was found out about them. `ledger.rs`
//!   remembers what is settled, so that it is acknowledged when it comes again.
//! - **A record that fails alone is given back alone** (a nack), so that it neither parks the lane nor blocks its window.
//! - **Acknowledgements are a task of their own** (`settle.rs`): each answer of the broker would wake the whole lane otherwise.
//! - **A guest that spins moves to a thread of its own** (`placement.rs`), with its whole lane and low priority. The system's
//!   scheduler shares processors out better than tasks that make room for each other every 10 ms ever could.
//! - **Where the order counts, the host rewinds**: behind the first record that wants another try nothing is settled, so
//!   that the order does not depend on the guest's care.

pub mod broker;
pub mod capability;
pub mod cli;
pub mod codec;
pub mod config;
mod connector;
pub mod docs;
#[doc(hidden)]
pub mod fuzz;
pub mod guest;
pub mod host;
#[doc(hidden)]
pub mod inner;
pub mod metrics;
mod pipeline;
mod placement;
pub mod record;
pub mod schema;
mod server;
pub mod shutdown;
mod stages;
pub mod status;
pub mod telemetry;
