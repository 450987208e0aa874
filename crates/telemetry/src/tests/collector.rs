//! A collector which takes OTLP over HTTP, and knows just enough of protobuf to find the spans.

use std::{
    fmt::Write as _,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

pub(crate) struct Collector {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

struct Request {
    path: String,
    body: Vec<u8>,
}

pub(crate) struct Span {
    pub(crate) trace_id: String,
    pub(crate) name: String,
}

impl Collector {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let received = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let received = Arc::clone(&received);
                std::thread::spawn(move || {
                    let mut stream = BufReader::new(stream.unwrap());
                    while let Some(request) = read(&mut stream) {
                        received.lock().unwrap().push(request);
                        stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
                    }
                });
            }
        });
        Self { address, requests }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The path of the first request.
    pub(crate) fn path(&self) -> String {
        self.requests.lock().unwrap()[0].path.clone()
    }

    /// Whether some request contains `text`.
    pub(crate) fn saw(&self, text: &str) -> bool {
        let requests = self.requests.lock().unwrap();
        requests.iter().any(|request| request.body.windows(text.len()).any(|part| part == text.as_bytes()))
    }

    /// `ExportTraceServiceRequest.resource_spans` (1) `.scope_spans` (2) `.spans` (2), in the order of arrival.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let requests = self.requests.lock().unwrap();
        let resources = requests.iter().flat_map(|request| parts(&request.body, 1));
        let scopes = resources.flat_map(|resource| parts(resource, 2));
        scopes.flat_map(|scope| parts(scope, 2)).map(span).collect()
    }
}

fn span(bytes: &[u8]) -> Span {
    let mut trace_id = String::new();
    for byte in parts(bytes, 1)[0] {
        write!(trace_id, "{byte:02x}").unwrap();
    }
    Span { trace_id, name: String::from_utf8(parts(bytes, 5)[0].to_vec()).unwrap() }
}

/// One request; none at the end of the connection.
fn read(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    assert!(head.to_lowercase().contains("content-type: application/x-protobuf"), "{head}");
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().unwrap())
    });
    let mut body = vec![0; length.unwrap()];
    stream.read_exact(&mut body).unwrap();
    Some(Request { path: head.split(' ').nth(1).unwrap().to_owned(), body })
}

/// The values of a message's field `number` which have a length: texts, bytes and messages.
fn parts(mut message: &[u8], number: u64) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while !message.is_empty() {
        let tag = varint(&mut message);
        let value = match tag & 7 {
            0 => {
                varint(&mut message);
                continue;
            }
            1 => message.split_off(..8),
            2 => {
                let length = usize::try_from(varint(&mut message)).unwrap();
                message.split_off(..length)
            }
            5 => message.split_off(..4),
            wire_type => panic!("unknown wire type {wire_type}"),
        };
        if tag >> 3 == number {
            found.push(value.unwrap());
        }
    }
    found
}

fn varint(message: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = *message.split_off_first().unwrap();
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return value;
        }
    }
}
