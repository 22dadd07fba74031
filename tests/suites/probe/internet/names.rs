//! A name server that changes its mind, as that of an attacker does.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex},
};

use tokio::net::UdpSocket;

const A: u16 = 1;
const AAAA: u16 = 28;
/// Of a header, in bytes.
const HEADER: usize = 12;

/// What is told for a name, depending on how often it was asked for before.
pub(super) type Answer = fn(usize) -> Vec<IpAddr>;

/// The server. It answers until the end of the test.
pub(super) struct Names(Arc<Mutex<BTreeMap<String, usize>>>);

impl Names {
    /// Serves these names where a resolver asks: at port 53 of 127.0.0.1.
    pub(super) async fn serve(table: &'static [(&'static str, Answer)]) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 53)).await.unwrap();
        let asked: Arc<Mutex<BTreeMap<String, usize>>> = Arc::default();
        let counts = asked.clone();
        tokio::spawn(async move {
            let mut buffer = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                let Some((name, kind, question)) = question(&buffer[..length]) else { continue };
                let found = table.iter().find(|(known, _)| *known == name).map(|(_, answer)| {
                    let mut counts = counts.lock().unwrap();
                    let count = counts.entry(name.clone()).or_default();
                    let (before, is_first) = (*count, kind == A);
                    // Resolvers ask for both kinds at once: one answer.
                    *count += usize::from(is_first);
                    answer(if is_first { before } else { before.saturating_sub(1) })
                });
                let answer = answer(&buffer[..2], question, kind, found);
                // Whoever does not wait for it has no use for it.
                let _ = socket.send_to(&answer, from).await;
            }
        });
        Self(asked)
    }

    /// How often a name was asked for.
    pub(super) fn asked(&self, name: &str) -> usize {
        self.0.lock().unwrap().get(name).copied().unwrap_or_default()
    }
}

/// The name in lower case, the kind of record, and the bytes of both.
fn question(query: &[u8]) -> Option<(String, u16, &[u8])> {
    let (mut at, mut labels) = (HEADER, Vec::new());
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(query.get(at..at + length)?).to_lowercase());
        at += length;
    }
    let kind = u16::from_be_bytes(query.get(at..at + 2)?.try_into().ok()?);
    Some((labels.join("."), kind, query.get(HEADER..at + 4)?))
}

fn answer(id: &[u8], question: &[u8], kind: u16, found: Option<Vec<IpAddr>>) -> Vec<u8> {
    let is_unknown = found.is_none();
    let records: Vec<Vec<u8>> = found.into_iter().flatten().filter_map(|ip| record(ip, kind)).collect();
    // A response, recursion available; the last four bits say that there is no such name.
    let flags: [u8; 2] = [0x81, if is_unknown { 0x83 } else { 0x80 }];
    let counts = [1, records.len() as u16, 0, 0].map(u16::to_be_bytes).concat();
    [id, &flags, &counts, question, &records.concat()].concat()
}

/// An address for the name in the question, to be kept no longer than this moment.
fn record(ip: IpAddr, kind: u16) -> Option<Vec<u8>> {
    let (is, bytes) = match ip {
        IpAddr::V4(ip) => (A, ip.octets().to_vec()),
        IpAddr::V6(ip) => (AAAA, ip.octets().to_vec()),
    };
    let head = [&[0xc0, HEADER as u8][..], &is.to_be_bytes(), &[0, 1, 0, 0, 0, 0], &(bytes.len() as u16).to_be_bytes()];
    (is == kind).then(|| [head.concat(), bytes].concat())
}
